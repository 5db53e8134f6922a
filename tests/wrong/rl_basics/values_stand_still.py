# value_iteration: stops as soon as values change by less than eps; named: "Stops when the last change is small, though many may follow."
# ruff: noqa: E501, N806
import numpy as np


def value_iteration(env, gamma=0.99, eps=1e-8):
    V = np.zeros(env.num_states)
    while True:
        Q = (env.T * (env.R + gamma * V)).sum(axis=2)
        new = Q.max(axis=1)
        delta = np.max(np.abs(new - V))
        V = new
        if delta < eps:
            break
    return V, Q.argmax(axis=1)
