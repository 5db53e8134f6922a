"""The checkpoint of `ppo`: the learner's parts make an agent, which learns in five easy environments and at CartPole.

The evidence is the weights of the networks. The deciding side asks them what it knows the answers to, and lets the
policy balance poles in environments of its own, which the agent has never seen.
"""

import itertools

import gymnasium as gym
import numpy as np
import torch

from exercises.given.phases import PPOArgs
from exercises.given.ppo_examples import layers, practising
from graders.engine import Criterion, as_array, checkpoint, edit

GAMMA, HIDDEN = 0.9, 64
PROBES = range(1, 6)
PROBE = {"num_envs": 4, "num_steps_per_rollout": 32, "lr": 5e-3, "gamma": GAMMA, "total_phases": 20}
PHASES, RECENT = 150, 30  # of the run at CartPole; episodes that a point of the curve is the mean of
POLES = 30
SEEN = {1: (0.0,), 2: (-1.0, 1.0), 3: (0.0, 1.0), 4: (0.0,), 5: (0.0, 1.0)}  # the observations of each probe
WORTH = {1: (1.0,), 2: (-1.0, 1.0), 3: (GAMMA, 1.0), 4: (1.0,), 5: (1.0, 1.0)}  # what can be earned from there
RIGHT = {4: (1,), 5: (0, 1)}  # the actions that earn it


def data(seed):
    """The seed of the training run; that of the poles is kept."""
    return {"seed": seed}, 1000 + seed


def outputs(evidence, name, num_out, obs):
    """What a network says of observations, (observations, outputs), by its weights in one row."""
    sizes = [obs.shape[1], HIDDEN, HIDDEN, num_out]
    shapes = [(out, into) for into, out in itertools.pairwise(sizes)]
    weights = as_array(evidence, name, sum(out * into + out for out, into in shapes))
    x = obs
    for number, (out, into) in enumerate(shapes):
        weight, bias, weights = np.split(weights, [out * into, out * into + out])
        x = x @ weight.reshape(out, into).T + bias
        x = np.tanh(x) if number < 2 else x
    return x


def probabilities(logits):
    """Those of the actions, row by row."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def balanced(evidence, seed):
    """How long each of some poles stands, if actions are drawn as the actor says."""
    envs = gym.make_vec("CartPole-v1", num_envs=POLES, vectorization_mode="vector_entry_point")
    obs, _ = envs.reset(seed=seed)
    rng = np.random.default_rng(seed)
    stands, steps = np.ones(POLES, dtype=bool), np.zeros(POLES)
    while stands.any():
        chances = probabilities(outputs(evidence, "CartPole actor", 2, obs.astype(float)))
        obs, _, terminated, truncated, _ = envs.step((rng.random(POLES) < chances[:, 1]).astype(int))
        steps += stands
        stands &= ~(terminated | truncated)
    return steps


def score(evidence, seed):
    """How wrong the probes' values are, how sure the right actions, and how long poles stand."""
    wrong, sure = 0.0, 1.0
    for probe in PROBES:
        obs = np.array(SEEN[probe])[:, None]
        values = outputs(evidence, f"Probe{probe} critic", 1, obs)[:, 0]
        wrong = max(wrong, np.abs(values - WORTH[probe]).max())
        if probe in RIGHT:
            chances = probabilities(outputs(evidence, f"Probe{probe} actor", 2, obs))
            sure = min(sure, chances[np.arange(len(obs)), list(RIGHT[probe])].min())
    return [
        Criterion("largest error of a value in the probes", wrong, at_most=0.25),
        Criterion("smallest probability of a right action there", sure, at_least=0.8),
        Criterion("steps that a pole stands, on average", balanced(evidence, seed).mean(), at_least=300.0),
    ]


def weights_of(net):
    """All weights and biases of a network in one row, layer by layer."""
    return torch.cat([part.detach().flatten() for layer in layers(net) for part in (layer.weight, layer.bias)])


@checkpoint(data=data, score=score, steps=len(PROBES) + PHASES)
def learns_to_balance_a_pole(solution, seed):
    """Your parts make an agent. First it plays in five environments, each of which needs one thing more than the one
    before: a value, one that depends on what is seen, one that looks ahead, then actions. Where it first fails, there
    is the bug. Then it learns to balance a pole; the curve is how long its last thirty poles have stood.
    """
    evidence = {}
    for probe in PROBES:
        trainer = practising(solution, PPOArgs(env_id=f"Probe{probe}-v0", seed=seed, **PROBE))
        for _ in range(trainer.args.total_phases):
            for _ in range(trainer.args.num_steps):
                trainer.agent.play_step()
            trainer.learning_phase()
        evidence[f"Probe{probe} actor"] = weights_of(trainer.actor)
        evidence[f"Probe{probe} critic"] = weights_of(trainer.critic)
        yield "rewards of probe environments", float(np.mean(trainer.envs.returns[-RECENT:]))
    trainer = practising(solution, PPOArgs(seed=seed, total_phases=PHASES))
    for _ in range(PHASES):
        for _ in range(trainer.args.num_steps):
            trainer.agent.play_step()
        trainer.learning_phase()
        yield "steps that a pole stands", float(np.mean(trainer.envs.returns[-RECENT:] or [0.0]))
    evidence["CartPole actor"] = weights_of(trainer.actor)
    return evidence


learns_to_balance_a_pole.mistake(
    "compute_advantages",
    "Values of the next episode leak into the one that is over.",
    edit("following_values * goes_on", "following_values"),
)
learns_to_balance_a_pole.mistake(
    "make_optimizer",
    "The optimizer goes downhill.",
    edit(", maximize=True", ""),
)
learns_to_balance_a_pole.mistake(
    "ReplayMemory",
    "The critic is to learn the advantages.",
    edit("advantages + values", "advantages"),
)
learns_to_balance_a_pole.mistake(
    "PPOAgent",
    "The flag of the next step is kept under another name, so no episode ever ends.",
    edit("self.next_terminated = torch.tensor", "self.next_done = torch.tensor"),
)
