# find_optimal_policy: forgets gamma in both calls; named: "Hands gamma on to neither of the two."
# ruff: noqa: N803, N806
import numpy as np


def policy_eval_exact(env, pi, gamma=0.99):
    states = np.arange(env.num_states)
    P, R = env.T[states, pi], env.R[states, pi]
    return np.linalg.solve(np.eye(env.num_states) - gamma * P, (P * R).sum(axis=1))


def policy_improvement(env, V, gamma=0.99):
    return np.einsum("san,san->sa", env.T, env.R + gamma * V).argmax(axis=1)


def find_optimal_policy(env, gamma=0.99, max_iterations=10_000):
    pi = np.zeros(env.num_states, dtype=int)
    for _ in range(max_iterations):
        V = policy_eval_exact(env, pi)
        new = policy_improvement(env, V)
        if np.array_equal(new, pi):
            return pi
        pi = new
    return pi
