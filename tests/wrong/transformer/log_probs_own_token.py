# get_log_probs: no shift; named: "Asks each position about its own token; its logits are about the next."
def get_log_probs(logits, tokens):
    log_probs = logits.log_softmax(-1)
    return log_probs.gather(2, tokens.unsqueeze(-1)).squeeze(-1)[:, :-1]
