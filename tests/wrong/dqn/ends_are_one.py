# DQNAgent: stores terminated or truncated as one flag; named: "Stores a truncated episode as terminated."
import torch as t


def linear_schedule(current_step, start_e, end_e, exploration_fraction, total_timesteps):
    return start_e + (end_e - start_e) * min(current_step / (exploration_fraction * total_timesteps), 1)


def epsilon_greedy_policy(envs, q_network, rng, obs, epsilon):
    if rng.random() < epsilon:
        return rng.integers(0, envs.single_action_space.n, size=envs.num_envs)
    return q_network(t.as_tensor(obs)).argmax(-1).detach().numpy()


class DQNAgent:
    def __init__(self, envs, buffer, q_network, start_e, end_e, exploration_fraction, total_timesteps, rng):
        self.envs, self.buffer, self.q_network, self.rng = envs, buffer, q_network, rng
        self.start_e, self.end_e = start_e, end_e
        self.exploration_fraction, self.total_timesteps = exploration_fraction, total_timesteps
        self.step = 0
        self.epsilon = start_e
        self.obs, _ = envs.reset()

    def get_actions(self, obs):
        self.epsilon = linear_schedule(
            self.step, self.start_e, self.end_e, self.exploration_fraction, self.total_timesteps
        )
        return epsilon_greedy_policy(self.envs, self.q_network, self.rng, obs, self.epsilon)

    def play_step(self):
        actions = self.get_actions(self.obs)
        next_obs, rewards, terminated, truncated, infos = self.envs.step(actions)
        true_next_obs = next_obs.copy()
        for n in range(self.envs.num_envs):
            if terminated[n] or truncated[n]:
                true_next_obs[n] = infos["final_observation"][n]
        self.buffer.add(self.obs, actions, rewards, terminated | truncated, true_next_obs)
        self.obs = next_obs
        self.step += self.envs.num_envs
        return infos
