# calc_value_function_loss: adds the squares up; named: "Adds up the squares; the mean is asked for."
def calc_value_function_loss(values, mb_returns, vf_coef):
    assert values.shape == mb_returns.shape
    return vf_coef * ((values - mb_returns) ** 2).sum()
