# policy_eval_numerical: discounts the reward together with the value; named: "Discounts the reward on the way as well."
# ruff: noqa: N806
import numpy as np


def policy_eval_numerical(env, pi, gamma=0.99, eps=1e-8, max_iterations=10_000):
    V = np.zeros(env.num_states)
    for _ in range(max_iterations):
        new = V.copy()
        for s in range(env.num_states):
            new[s] = 0
            for s_new in range(env.num_states):
                new[s] += env.T[s, pi[s], s_new] * gamma * (env.R[s, pi[s], s_new] + V[s_new])
        delta = np.abs(new - V).max()
        V = new
        if delta < eps:
            break
    return V
