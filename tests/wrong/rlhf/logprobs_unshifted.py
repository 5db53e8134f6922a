# get_logprobs: logits of the token's own position; named: "Asks the logits at a token's own position: they are about the next token."
# ruff: noqa: E501
def get_logprobs(logits, tokens, prefix_len=None):
    if prefix_len is None:
        prefix_len = 1
    logprobs = logits.log_softmax(-1)
    own = logprobs.gather(2, tokens.unsqueeze(2)).squeeze(2)
    return own[:, prefix_len:]
