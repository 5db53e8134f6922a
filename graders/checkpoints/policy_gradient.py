"""The checkpoint of `policy_gradient`: REINFORCE on CartPole, and an actor with a critic beside it, in several runs.

The evidence is the weights of the policies. The deciding side lets them act in its own environments.
"""

import gymnasium as gym
import numpy as np
import torch

from exercises.given.policy_gradient_examples import network
from exercises.given.probes import vector_envs
from graders.engine import Criterion, as_array, checkpoint, edit

RUNS, ENVS = 3, 8  # of each algorithm
POINTS, STEPS = 20, 200  # of a curve, and in each environment from one point to the next
AHEAD = 40  # steps before the critic stands for the rest
HIDDEN, RATE, GAMMA, PATIENCE = 32, 0.02, 0.99, 500
SHAPES = ((HIDDEN, 4), (HIDDEN,), (2, HIDDEN), (2,))  # of a policy's parameters
BOUNDS = {"REINFORCE": 80.0, "actor-critic": 80.0}  # how long the pole has to stand, of MOST steps
EPISODES, MOST = 40, 200  # that each policy plays for the deciding side, and the steps of an episode that count
HEIGHT = 40  # of the picture


def data(seed):
    """A seed for the environments."""
    return {"seed": seed}, seed + 1000


def lengths(weights, seed):
    """How long policies, (policy, parameters), keep the pole up, MOST steps at the most, on average over episodes."""
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    pieces = np.split(weights, np.cumsum(sizes)[:-1], axis=1)
    w1, b1, w2, b2 = (piece.reshape(-1, *shape) for piece, shape in zip(pieces, SHAPES, strict=True))
    count = len(weights)
    envs = gym.make_vec("CartPole-v1", num_envs=count * EPISODES, vectorization_mode="vector_entry_point")
    obs, _ = envs.reset(seed=seed)
    rng = np.random.default_rng(seed)
    alive, stood = np.ones(count * EPISODES, dtype=bool), np.zeros(count * EPISODES)
    for _ in range(MOST):
        seen = obs.reshape(count, EPISODES, 4)
        hidden = np.maximum(np.einsum("pei,phi->peh", seen, w1) + b1[:, None], 0)
        logits = np.einsum("peh,pah->pea", hidden, w2) + b2[:, None]  # (policy, episode, action)
        right = 1 / (1 + np.exp(np.clip(logits[..., 0] - logits[..., 1], -50, 50)))
        obs, _, terminated, truncated, _ = envs.step((rng.random(right.shape) < right).astype(np.int64).ravel())
        stood += alive
        alive &= ~(terminated | truncated)
    return stood.reshape(count, EPISODES).mean(axis=1)


def score(evidence, seed):
    """How long the pole stands, on average over the runs of each algorithm."""
    criteria = []
    for name, bound in BOUNDS.items():
        weights = as_array(evidence, name, RUNS, sum(int(np.prod(shape)) for shape in SHAPES))
        title = f"steps until the pole falls (of {MOST}), {name}"
        criteria.append(Criterion(title, lengths(weights, seed).mean(), at_least=bound))
    return criteria


def bands(evidence):
    """Learning curves, REINFORCE's on the left: how long the pole stood while it was learned, from 0 to 500 steps. The
    line is the mean of the runs, the band around it goes from the worst to the best.
    """
    curves = np.asarray(evidence["curves"])  # (algorithm, point, run)
    picture = np.zeros((HEIGHT, 2 * 2 * POINTS + 4))
    rows = np.arange(HEIGHT)[::-1, None]  # the lowest is 0 steps
    for number, curve in enumerate(curves):
        at = np.clip(np.repeat(curve, 2, axis=0).T, 0, PATIENCE) / PATIENCE * (HEIGHT - 1)  # (run, column)
        panel = ((rows >= at.min(axis=0).round()) & (rows <= at.max(axis=0).round())) * 0.4
        panel[rows == at.mean(axis=0).round()] = 1.0
        start = number * (2 * POINTS + 4)
        picture[:, start : start + 2 * POINTS] = panel
    return picture


class Clock:
    """Counts how long episodes last; what has not ended counts as far as it went."""

    def __init__(self):
        self.now, self.ended = np.zeros(ENVS), []

    def tick(self, over):
        """All environments have made a step, and some episodes are over with it."""
        self.now += 1
        self.ended += self.now[over].tolist()
        self.now[over] = 0

    def mean(self):
        """The mean length of the episodes since it was asked last."""
        mean = float(np.mean(self.ended or self.now))
        self.ended = []
        return mean


class Run:
    """What one run of an algorithm has: environments, a policy and, for the actor-critic, a critic."""

    def __init__(self, solution, seed):
        self.solution, self.clock = solution, Clock()
        self.envs = vector_envs("CartPole-v1", ENVS)
        self.obs, _ = self.envs.reset(seed=seed)
        self.pi = network(solution.PolicyNetwork, (4,), 2, [HIDDEN])

    def weights(self):
        """The parameters of the policy in one axis."""
        return torch.cat([parameter.detach().flatten() for parameter in self.pi.parameters()])


class Reinforce(Run):
    """Whole rollouts, each used for several steps of gradient ascent."""

    def __init__(self, solution, seed):
        super().__init__(solution, seed)
        args = solution.VPGArgs(max_steps=STEPS, gamma=GAMMA, lr=RATE, clip_coef=0.2, updates_per_rollout=4)
        self.trainer = solution.VPGTrainer(args, self.envs, self.pi)

    def learn(self, left):
        """Collect and improve; `left` is the share of the time that is left."""
        self.trainer.optimizer.param_groups[0]["lr"] = RATE * left
        tau = self.trainer.training_step()
        self.clock.now[:] = 0
        for step in range(STEPS):
            self.clock.tick(tau.dones[:, step].numpy())
        return self.clock.mean()


class ActorCritic(Run):
    """Some steps, then the critic stands for the rest."""

    def __init__(self, solution, seed):
        super().__init__(solution, seed)
        self.critic = network(solution.ValueNetwork, (4,), [HIDDEN])
        self.agent = solution.VPGAgent(self.envs, self.pi, AHEAD)
        self.optimizer = torch.optim.Adam([*self.pi.parameters(), *self.critic.parameters()], lr=RATE)

    def learn(self, left):
        """Collect and improve; `left` is the share of the time that is left."""
        self.optimizer.param_groups[0]["lr"] = RATE * left
        for _ in range(STEPS // AHEAD):
            loss = self.loss([self.step() for _ in range(AHEAD)])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return self.clock.mean()

    def step(self):
        """One step in all environments: obs, actions, rewards, terminated, truncated, and what was seen then."""
        obs, actions = self.obs, self.agent.get_actions(self.obs)[0]
        self.obs, rewards, terminated, truncated, infos = self.envs.step(np.asarray(actions))
        next_obs = self.obs.copy()
        for env in np.flatnonzero(terminated | truncated):
            next_obs[env] = infos["final_obs"][env]
        self.clock.tick(terminated | truncated)
        return obs, np.asarray(actions), rewards.astype(np.float32) / 10, terminated, truncated, next_obs

    def loss(self, steps):
        """The loss of an actor-critic with returns of several steps as targets."""
        parts = (torch.as_tensor(np.stack(part, axis=1)) for part in zip(*steps, strict=True))
        obs, actions, rewards, terminated, truncated, next_obs = parts  # (env, time, …)
        with torch.no_grad():
            next_values = self.critic(next_obs)
        targets = self.solution.compute_bootstrapped_returns(rewards, terminated, truncated, next_values, GAMMA)
        values, nothing = self.critic(obs).flatten(), torch.zeros(targets.numel())
        over = torch.ones(targets.numel(), dtype=torch.bool)  # all that comes is in the target
        logits, actions = self.pi(obs).flatten(0, 1), actions.flatten()
        return self.solution.compute_actor_critic_loss(logits, actions, targets.flatten(), over, values, nothing, GAMMA)


@checkpoint(data=data, score=score, steps=2 * POINTS, picture=bands)
def balances_a_pole(solution, seed):
    """Your REINFORCE learns to balance a pole, in three runs that differ in nothing but chance; then an actor with your
    critic does, with as many steps. Where the band is wide, luck decides: never trust a single run. The policies then
    have to keep the pole up for the grader, who has poles of its own.
    """
    evidence, curves = {}, []
    for name, kind in zip(BOUNDS, (Reinforce, ActorCritic), strict=True):
        runs = [kind(solution, 100 * seed + number) for number in range(RUNS)]
        curve = []
        for point in range(POINTS):
            curve.append([run.learn(1 - point / POINTS) for run in runs])
            yield name, float(np.mean(curve[-1]))
        curves.append(curve)
        evidence[name] = torch.stack([run.weights() for run in runs])
    return {**evidence, "curves": np.array(curves)}


balances_a_pole.mistake(
    "compute_reinforce_loss",
    "The sign is flipped: the objective is maximised, and so the pole falls as soon as it can.",
    edit("return (iw", "return -(iw"),
)
balances_a_pole.mistake(
    "compute_returns",
    "Nobody looks ahead: each reward counts alone.",
    edit("gamma * ahead", "gamma * ahead * 0"),
)
balances_a_pole.mistake(
    "compute_actor_critic_loss",
    "The actor's term has the wrong sign.",
    edit("-(advantages * dist.log_prob(actions)).mean()", "(advantages * dist.log_prob(actions)).mean()"),
)
balances_a_pole.mistake(
    "compute_bootstrapped_returns",
    "Terminated is not seen: a fallen pole looks as good as one that stands.",
    edit(" * ~terminated[:, time]", ""),
)
