# compute_logprobs_and_entropy: gives logits to the argument probs; named: "Takes logits for probabilities."
from torch.distributions import Categorical


def compute_logprobs_and_entropy(tau, pi):
    logits = pi(tau.obs)
    probs = Categorical(probs=logits)
    return probs.log_prob(tau.actions), probs.entropy()
