# policy_improvement: maximises the value of the next state alone; named: "Leaves the rewards out."
# ruff: noqa: N803
import numpy as np


def policy_improvement(env, V, gamma=0.99):
    pi = np.zeros(env.num_states, dtype=int)
    for s in range(env.num_states):
        pi[s] = np.argmax([np.dot(env.T[s, a], V) for a in range(env.num_actions)])
    return pi
