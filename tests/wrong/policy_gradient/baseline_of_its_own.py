# score_function_estimator: subtracts the mean payoff, whatever the baseline is; not named
import torch


def score_function(logits, actions):
    return torch.eye(len(logits))[actions] - logits.softmax(0)


def score_function_estimator(logits, payoffs, num_samples, baseline=0.0):
    actions = torch.multinomial(logits.softmax(0), num_samples, replacement=True)
    adv = payoffs[actions] - payoffs[actions].mean()
    return adv[:, None] * score_function(logits, actions)
