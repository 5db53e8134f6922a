# normalize_returns: takes dim=1, so that every environment does as well as any other; named: "Normalises over the steps of each environment: how well it went there is lost."
# ruff: noqa: E501
def normalize_returns(returns):
    mean = returns.mean(dim=1, keepdim=True)
    std = returns.std(dim=1, keepdim=True)
    return (returns - mean) / (std + 1e-8)
