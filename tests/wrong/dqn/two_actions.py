# epsilon_greedy_policy: draws 0 or 1 whatever the actions are; named: "Takes it that there are two actions."
import numpy as np
import torch as t

device = t.device("cpu")


def epsilon_greedy_policy(envs, q_network, rng, obs, epsilon):
    obs = t.from_numpy(obs).to(device)
    if rng.random() < epsilon:
        return rng.integers(0, 2, size=envs.num_envs)
    q_scores = q_network(obs)
    return np.argmax(q_scores.detach().cpu().numpy(), axis=1)
