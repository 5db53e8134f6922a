"""The checkpoint of `dqn`: the learner's parts learn to balance a pole, three times.

The evidence is the weights of the networks. The deciding side balances poles with them, in an environment of its own.
"""

import gymnasium as gym
import numpy as np

from exercises.given.dqn_examples import train, training
from graders.engine import Criterion, as_array, checkpoint, edit

RUNS, ENVS, STEPS = 3, 4, 16_000  # trainings, environments side by side, steps in all of them together
WARM = 4000  # steps before training begins: as many as the buffer holds, some answers draw from a full one only
BIN, RECENT = 500, 20  # steps of a point of the curve, episodes that it shows
SETTINGS = {
    "buffer_size": WARM, "batch_size": 64, "gamma": 0.98, "total_timesteps": STEPS, "start_e": 1.0, "end_e": 0.05,
    "exploration_fraction": 0.35, "trains_per_target_update": 100, "target_network_frequency": 100,
}  # fmt: skip
SIZES = (4, 120, 84, 2)
POLES, MOST = 20, 200  # episodes of each network on the deciding side; one that is longer counts as so long


def data(seed):
    """A seed for the trainings, and others for the poles."""
    return {"seed": seed}, 1000 + 100 * seed


def balanced(layers, seed):
    """For how many steps a network balances a pole."""
    env = gym.make("CartPole-v1")
    obs, _ = env.reset(seed=seed)
    over, steps = False, 0
    while not over and steps < MOST:
        x = obs
        for number, (weight, bias) in enumerate(layers):
            x = weight @ (np.maximum(x, 0) if number else x) + bias
        obs, _, over, _, _ = env.step(int(x.argmax()))
        steps += 1
    return steps


def score(evidence, first):
    """How long the networks balance, on the average over poles."""
    means = []
    for run in range(RUNS):
        pairs = list(zip(SIZES[1:], SIZES[:-1], strict=True))
        layers = [
            (as_array(evidence, f"weight {run} {number}", *pair), as_array(evidence, f"bias {run} {number}", pair[0]))
            for number, pair in enumerate(pairs)
        ]
        means.append(np.mean([balanced(layers, first + number) for number in range(POLES)]))
    return [
        Criterion("steps of 200 that a pole stays up", np.mean(means), at_least=100.0),
        Criterion("… in the second best of three runs", np.median(means), at_least=100.0),
    ]


@checkpoint(data=data, score=score, steps=RUNS * STEPS // BIN)
def balances_a_pole(solution, seed):
    """Your QNetwork, ReplayBuffer, DQNAgent and DQNTrainer learn to balance a pole, three times from the beginning. Who
    does nothing useful keeps it up for 10 to 20 steps. Each curve, of the last episodes' lengths, should stay low while
    the agent explores and then rise above 100; if it rises and falls back again and again, look at the target network.
    """
    evidence = {}
    for run in range(RUNS):
        together = training(solution, "CartPole-v1", 10 * seed + run, ENVS, 1e-3, **SETTINGS)
        player, trainer, envs = together
        for step in range(1, STEPS // ENVS + 1):
            ready = step * ENVS > WARM
            for _ in range(0 if ready and together.plays else ENVS // envs.num_envs):
                player.play_step()
            if ready:
                train(trainer, step)
            if step * ENVS % BIN == 0:
                yield f"run {run + 1}", float(np.mean(envs.lengths[-RECENT:] or [0]))
        layers = [value.detach().numpy() for value in player.q_network.parameters()]
        for kind, ndim in (("weight", 2), ("bias", 1)):
            for number, value in enumerate(value for value in layers if value.ndim == ndim):
                evidence[f"{kind} {run} {number}"] = value
    return evidence


balances_a_pole.mistake(
    "DQNTrainer",
    "Targets are computed from the observations of before the step.",
    edit("self.target_network(batch.next_obs)", "self.target_network(batch.obs)"),
)
balances_a_pole.mistake(
    "td_targets",
    "Looks ahead from where the pole has fallen: a fall costs nothing.",
    edit("torch.where(terminated, 0.0, best)", "best"),
)
balances_a_pole.mistake(
    "DQNAgent",
    "It never looks up.",
    edit("self.obs = next_obs", "pass"),
)
balances_a_pole.mistake(
    "td_loss",
    "Compares the best action's value with the target, whatever was done.",
    edit("q[torch.arange(len(actions)), actions]", "q.max(dim=1).values"),
)
