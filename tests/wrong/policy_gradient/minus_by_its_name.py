# compute_reinforce_loss: is a loss, as its name says; named: "The sign is flipped: it is an objective, to be maximised."
# ruff: noqa: E501
def compute_reinforce_loss(returns, logprobs_taken, iw):
    return -(iw * returns * logprobs_taken).mean()
