# logit_attribution: columns of the tokens that stand there; named: "Takes the logits of the tokens themselves, not of the next ones."
# ruff: noqa: N803
# ruff: noqa: E501
import torch as t


def logit_attribution(embed, l1_results, l2_results, W_U, tokens):
    directions = W_U.T[tokens][:-1]
    columns = [(embed[:-1] * directions).sum(-1)]
    for results in (l1_results, l2_results):
        for head in range(results.shape[1]):
            columns.append((results[:-1, head] * directions).sum(-1))
    return t.stack(columns, dim=1)
