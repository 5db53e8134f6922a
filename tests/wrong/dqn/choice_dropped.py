# epsilon_greedy_policy: calls np.where and drops what it returns; named: "Never explores."
import numpy as np
import torch as t


def epsilon_greedy_policy(envs, q_network, rng, obs, epsilon):
    actions = q_network(t.as_tensor(obs)).argmax(dim=-1).detach().numpy()
    random_actions = rng.integers(0, envs.single_action_space.n, size=envs.num_envs)
    explore = rng.random(envs.num_envs) < epsilon
    np.where(explore, random_actions, actions)
    return actions
