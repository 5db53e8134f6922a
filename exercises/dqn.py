"""Deep Q-learning: Q-learning where the table has become a network.

CartPole shows an agent four real numbers, and there is no table with a row for each of their values. A network takes
its place: it is shown the observation and returns a value for each action. Two tricks keep the learning from blowing
up: transitions are stored and drawn at random (replay), and what the network is to learn is computed by an older copy
of it (the target network). You write all the pieces, and before them five environments that are so easy that they tell
you which piece is broken.

Environments are gymnasium's. A step returns (obs, reward, terminated, truncated, info), and two of these are easily
taken for one. *terminated*: the world has ended, nothing more can be earned. *truncated*: somebody has stopped the
clock, but from where you are more could have been earned. Keep them apart everywhere.

Sources: Mnih et al. (2015), "Human-level control through deep reinforcement learning", from here on DQN; Sutton and
Barto (2018), "Reinforcement Learning: An Introduction", second edition, from here on S&B.
"""

# %% Setup
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from exercises.given.probes import vector_envs

device = torch.device("cpu")  # networks as small as these are fastest there
Obs = Float[np.ndarray, "1"]  # what the probe environments show


# %% Probe environments
# An agent that fails in CartPole does not tell why. One that fails in an environment of a single step does: there is
# only one thing in it that can be wrong. The five probes need one thing more each. Observations are float32 arrays of
# shape (1,), actions are numbers from 0. What is seen last, when an episode is over, does not matter: return any
# observation that the space contains. No probe ever truncates.
#
# What gymnasium asks of every environment: it is a gym.Env; reset takes seed and options by keyword, passes the seed on
# to super().reset(seed=seed) and returns (obs, info); chance comes from self.np_random, which that has seeded, and
# from nowhere else. gymnasium.utils.env_checker.check_env(env) tells what is wrong. What earlier editions of gym asked
# for is accepted too: reset returns the observation alone, and step one flag in the place of two.
class Silence(gym.Env):
    """One action, one observation [0.0], episodes of one step, and nothing to be earned. This one is done for you.

    >>> env = Silence()
    >>> env.reset(seed=0)
    (array([0.], dtype=float32), {})
    >>> env.step(0)
    (array([0.], dtype=float32), 0.0, True, False, {})
    """

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(0.0, 0.0, (1,))  # lowest, highest, shape; float32
        self.action_space = gym.spaces.Discrete(1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict]:
        """Begin an episode."""
        super().reset(seed=seed)
        return np.array([0.0], dtype=np.float32), {}

    def step(self, action: int) -> tuple[Obs, float, bool, bool, dict]:
        """Observation, reward, terminated, truncated, info."""
        return np.array([0.0], dtype=np.float32), 0.0, True, False, {}


class Probe1(gym.Env):
    """One action, the observation [0.0], episodes of one step, and a reward of 1 for it.

    The value of what is seen is 1. An agent that does not learn that cannot fit a number at all: look at its loss and
    its optimizer.

    >>> env = Probe1()
    >>> env.reset(seed=0)
    (array([0.], dtype=float32), {})
    >>> env.step(0)[1:4]
    (1.0, True, False)
    """

    def __init__(self) -> None:
        """The spaces: observation_space, a Box of float32 and shape (1,) from the lowest number that is seen to the
        highest, and action_space, a Discrete. gymnasium's check_env has nothing to say against any of it.
        """
        raise NotImplementedError("Probe1.__init__")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict]:
        """Begin an episode. Pass the seed on to super().reset(seed=seed); return the observation and an empty info."""
        raise NotImplementedError("Probe1.reset")

    def step(self, action: int) -> tuple[Obs, float, bool, bool, dict]:
        """Return an observation of the space, the reward, terminated and truncated (bool), and an info. Episodes end by
        being terminated.
        """
        raise NotImplementedError("Probe1.step")


class Probe2(gym.Env):
    """One action, the observation [-1.0] or [1.0], episodes of one step, and a reward that equals the observation.

    Which of the two is seen is drawn anew at every reset, both equally probable. An agent that solves Probe1 and fails
    here does not look at what it sees: the two values become one.

    >>> env = Probe2()
    >>> obs, info = env.reset(seed=0)
    >>> float(obs[0]) == env.step(0)[1]
    True
    """

    def __init__(self) -> None:
        """The spaces: observation_space, a Box of float32 and shape (1,) from the lowest number that is seen to the
        highest, and action_space, a Discrete. gymnasium's check_env has nothing to say against any of it.
        """
        raise NotImplementedError("Probe2.__init__")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict]:
        """Begin an episode. Pass the seed on to super().reset(seed=seed), which seeds self.np_random, and draw what is
        seen from that. Return it and an empty info.
        """
        raise NotImplementedError("Probe2.reset")

    def step(self, action: int) -> tuple[Obs, float, bool, bool, dict]:
        """Return an observation of the space, the reward, terminated and truncated (bool), and an info. Episodes end by
        being terminated.
        """
        raise NotImplementedError("Probe2.step")


class Probe3(gym.Env):
    """One action, the observation [0.0] and then [1.0], episodes of two steps, and a reward of 1 for the second.

    The first step earns 0. The value of [1.0] is 1, that of [0.0] is γ. An agent that solves the first two probes and
    fails here does not look ahead as it should: gamma, the next observation, or whether the episode is over.

    >>> env = Probe3()
    >>> obs, info = env.reset(seed=0)
    >>> env.step(0)[:4]
    (array([1.], dtype=float32), 0.0, False, False)
    >>> env.step(0)[1:4]
    (1.0, True, False)
    """

    def __init__(self) -> None:
        """The spaces: observation_space, a Box of float32 and shape (1,) from the lowest number that is seen to the
        highest, and action_space, a Discrete. gymnasium's check_env has nothing to say against any of it.
        """
        raise NotImplementedError("Probe3.__init__")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict]:
        """Begin an episode, also when the last one was left in the middle. Pass the seed on to
        super().reset(seed=seed); return the observation and an empty info.
        """
        raise NotImplementedError("Probe3.reset")

    def step(self, action: int) -> tuple[Obs, float, bool, bool, dict]:
        """Return an observation of the space, the reward, terminated and truncated (bool), and an info. Episodes end by
        being terminated.
        """
        raise NotImplementedError("Probe3.step")


class Probe4(gym.Env):
    """Two actions, the observation [0.0], episodes of one step: action 0 earns -1, action 1 earns 1.

    Here a policy can be wrong. An agent that solves the first three probes and fails here does not choose the best
    action, or learns the value of another action than the one it has taken.

    >>> env = Probe4()
    >>> obs, info = env.reset(seed=0)
    >>> env.step(1)[1:4]
    (1.0, True, False)
    """

    def __init__(self) -> None:
        """The spaces: observation_space, a Box of float32 and shape (1,) from the lowest number that is seen to the
        highest, and action_space, a Discrete. gymnasium's check_env has nothing to say against any of it.
        """
        raise NotImplementedError("Probe4.__init__")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict]:
        """Begin an episode. Pass the seed on to super().reset(seed=seed); return the observation and an empty info."""
        raise NotImplementedError("Probe4.reset")

    def step(self, action: int) -> tuple[Obs, float, bool, bool, dict]:
        """Return an observation of the space, the reward, terminated and truncated (bool), and an info. Episodes end by
        being terminated.
        """
        raise NotImplementedError("Probe4.step")


class Probe5(gym.Env):
    """Two actions, the observation [0.0] or [1.0], episodes of one step: the action that equals it earns 1, the other
    one -1.

    Which of the two is seen is drawn anew at every reset, both equally probable. An agent that fails only here mixes
    things up between the steps of a batch, or the environments of a vector environment: its actions belong to other
    observations.

    >>> env = Probe5()
    >>> obs, info = env.reset(seed=0)
    >>> env.step(int(obs[0]))[1:4]
    (1.0, True, False)
    """

    def __init__(self) -> None:
        """The spaces: observation_space, a Box of float32 and shape (1,) from the lowest number that is seen to the
        highest, and action_space, a Discrete. gymnasium's check_env has nothing to say against any of it.
        """
        raise NotImplementedError("Probe5.__init__")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict]:
        """Begin an episode. Pass the seed on to super().reset(seed=seed), which seeds self.np_random, and draw what is
        seen from that. Return it and an empty info.
        """
        raise NotImplementedError("Probe5.reset")

    def step(self, action: int) -> tuple[Obs, float, bool, bool, dict]:
        """Return an observation of the space, the reward, terminated and truncated (bool), and an info. Episodes end by
        being terminated.
        """
        raise NotImplementedError("Probe5.step")


# %% Acting
def linear_schedule(
    current_step: int, start_e: float, end_e: float, exploration_fraction: float, total_timesteps: int
) -> float:
    """How much to explore: much at first, less and less, and then always a little.

    ε goes in a straight line from start_e at step 0 to end_e at step exploration_fraction · total_timesteps, and stays
    at end_e from there on, however many steps may come.

    Args:
        current_step: how many steps have been made, 0 or more.
        start_e, end_e: where ε begins and ends. Usually it falls; it may as well rise.
        exploration_fraction: the share of all steps after which ε has arrived, greater than 0, at most 1.
        total_timesteps: how many steps are going to be made in all.

    Returns:
        ε, a float.

    >>> [linear_schedule(step, 1.0, 0.5, exploration_fraction=0.5, total_timesteps=8) for step in (0, 1, 4, 8)]
    [1.0, 0.875, 0.5, 0.5]

    Source: DQN, Methods, "Training details".
    """
    raise NotImplementedError("linear_schedule")


class QNetwork(nn.Module):
    """The table of Q-learning as a network: shown an observation, it returns a value for each action.

        Linear, ReLU, Linear, ReLU, …, Linear

    One hidden layer with a bias for each of hidden_sizes, each followed by a ReLU, and a last layer with a bias, which
    nothing follows: values may be negative, and need not add up to one. With PyTorch's own initial values.

    Args:
        obs_shape: the shape of an observation, a tuple of one size, (obs,). (Until 2024 ARENA passed the size itself,
            under the name dim_observation. That is accepted too.)
        num_actions: how many values to return.
        hidden_sizes: the widths of the hidden layers, from first to last; possibly there are none.

    >>> QNetwork((4,), 2, hidden_sizes=[16])(torch.zeros(8, 4)).shape
    torch.Size([8, 2])

    Source: DQN, Methods, "Model architecture"; the widths are CleanRL's.
    """

    def __init__(self, obs_shape: tuple[int], num_actions: int, hidden_sizes: Sequence[int] = (120, 84)) -> None:
        """Make the layers."""
        raise NotImplementedError("QNetwork.__init__")

    def forward(self, x: Float[Tensor, "batch obs"]) -> Float[Tensor, "batch actions"]:
        """The values of all actions for each observation of a batch; gradients come through."""
        raise NotImplementedError("QNetwork.forward")


def epsilon_greedy_policy(
    envs: gym.vector.VectorEnv,
    q_network: nn.Module,
    rng: np.random.Generator,
    obs: Float[np.ndarray, "envs obs"],
    epsilon: float,
) -> Int[np.ndarray, "envs"]:
    """Choose an action for each environment: with probability epsilon any, otherwise the one with the highest value.

    "Any" is drawn for each environment, all actions equally probable, the best one among them. Whether one coin is
    tossed for all environments together, or one for each, is up to you. Draw from rng, and nowhere else: calls with
    generators of the same seed then choose the same.

    Args:
        envs: a vector environment. It knows envs.num_envs and envs.single_action_space.n, the number of actions.
        q_network: a module with values (envs, actions) for observations (envs, obs).
        rng: where to draw from.
        obs: float32, shape (envs, obs): a row for each environment. (Until 2023 ARENA passed a tensor. That is
            accepted too.)
        epsilon: the probability to explore, from 0 to 1, both included.

    Returns:
        The actions, an array of int, shape (envs,).

    >>> class Same(nn.Module):  # its values are what it sees
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = nn.Parameter(torch.ones(()))
    ...     def forward(self, x):
    ...         return x * self.scale
    >>> obs = np.array([[0.5, 0.25], [-1.0, 2.0]], dtype=np.float32)
    >>> epsilon_greedy_policy(vector_envs("CartPole-v1", 2), Same(), np.random.default_rng(0), obs, epsilon=0.0)
    array([0, 1])

    Source: DQN, algorithm 1; S&B, section 2.2.
    """
    raise NotImplementedError("epsilon_greedy_policy")


# %% Remembering
class ReplayBufferSamples(NamedTuple):
    """Transitions that were drawn from a buffer. `terminated` says whether the world ended with this step."""

    obs: Float[Tensor, "sample *obs_shape"]
    actions: Int[Tensor, "sample *action_shape"]
    rewards: Float[Tensor, "sample"]
    terminated: Bool[Tensor, "sample"]
    next_obs: Float[Tensor, "sample *obs_shape"]


class ReplayBuffer:
    """Remembers the last transitions, so that an agent learns from old ones too, and not in the order they came in.

    Successive steps of an episode are much alike. A network that learns from them one by one forgets what it knew about
    the rest; drawn at random from many episodes, steps are nearly independent of each other.

    Until 2024 ARENA had ReplayBuffer(buffer_size, num_environments, seed), with the names observations, dones and
    next_observations in what sample returns. That is accepted too.

    Source: DQN, Methods, "Training algorithm for deep Q-networks".
    """

    def __init__(
        self, num_envs: int, obs_shape: tuple[int, ...], action_shape: tuple[int, ...], buffer_size: int, seed: int
    ) -> None:
        """An empty buffer.

        Args:
            num_envs: how many transitions each call of add brings.
            obs_shape, action_shape: the shapes of an observation and an action; of an action that is a number, ().
            buffer_size: how many transitions to keep at the most, a multiple of num_envs.
            seed: of the generator that sample draws from: np.random.default_rng(seed).
        """
        raise NotImplementedError("ReplayBuffer.__init__")

    def add(
        self,
        obs: Float[np.ndarray, "envs *obs_shape"],
        actions: Int[np.ndarray, "envs *action_shape"],
        rewards: Float[np.ndarray, "envs"],
        terminated: Bool[np.ndarray, "envs"],
        next_obs: Float[np.ndarray, "envs *obs_shape"],
    ) -> None:
        """Remember a transition of each environment. When the buffer is full, they take the place of the oldest ones.

        Keep copies: environments use the same arrays again. What belongs together stays together: the reward in the
        third place is what the action in the third place has earned.
        """
        raise NotImplementedError("ReplayBuffer.add")

    def sample(self, sample_size: int, device: torch.device) -> ReplayBufferSamples:
        """Draw transitions from all that the buffer holds, all equally probable, each drawn independently.

        Whether one transition may be drawn twice for the same sample is up to you. Draw from the buffer's generator.
        With a buffer that is not full yet, take care to draw only what was added.

        Args:
            sample_size: how many to draw; not more than the buffer holds.
            device: where the tensors are to be.

        Returns:
            Five tensors with sample_size rows each: obs and next_obs float32, rewards float, actions int64, terminated
            bool.
        """
        raise NotImplementedError("ReplayBuffer.sample")


# %% Learning
def td_targets(
    rewards: Float[Tensor, "batch"],
    terminated: Bool[Tensor, "batch"],
    next_q: Float[Tensor, "batch actions"],
    gamma: float,
) -> Float[Tensor, "batch"]:
    """Say what the values of the actions taken should have been: what was earned, and the best that was to come.

        y = r + γ max_a Q(s', a)     if the episode goes on, or was truncated
        y = r                        if it was terminated: nothing more is to come

    Targets are data. They are computed by a network, but no gradient may flow back through them: the network is to come
    to the target, not the target to the network.

    Args:
        rewards: float, shape (batch,).
        terminated: bool, shape (batch,).
        next_q: the target network's values for the next observations, float, shape (batch, actions). Possibly it
            requires gradients. Where an episode was terminated it does not matter, even if it is infinite or NaN.
        gamma: γ, from 0 to 1.

    Returns:
        y, shape (batch,). It does not require gradients.

    >>> td_targets(torch.tensor([1.0, 1.0]), torch.tensor([False, True]), torch.tensor([[2.0, 4.0], [2.0, 4.0]]), 0.5)
    tensor([3., 1.])

    Source: DQN, algorithm 1.
    """
    raise NotImplementedError("td_targets")


def double_dqn_targets(
    rewards: Float[Tensor, "batch"],
    terminated: Bool[Tensor, "batch"],
    next_q_online: Float[Tensor, "batch actions"],
    next_q_target: Float[Tensor, "batch actions"],
    gamma: float,
) -> Float[Tensor, "batch"]:
    """As td_targets, but one network chooses the next action and the other says what it is worth.

        a* = argmax_a Q_online(s', a)
        y = r + γ Q_target(s', a*)   if the episode goes on, or was truncated
        y = r                        if it was terminated

    The largest of several guesses is mostly one that guesses too high, so the maximum promises too much. A second
    network, which is wrong elsewhere, has no reason to exaggerate the same action.

    Args:
        rewards: float, shape (batch,).
        terminated: bool, shape (batch,).
        next_q_online, next_q_target: both networks' values for the next observations, float, shape (batch, actions).
            Possibly they require gradients.
        gamma: γ, from 0 to 1.

    Returns:
        y, shape (batch,). It does not require gradients. Where two actions are equally good for the online network,
        either may be chosen.

    >>> online, target = torch.tensor([[1.0, 5.0]]), torch.tensor([[9.0, 2.0]])
    >>> double_dqn_targets(torch.tensor([1.0]), torch.tensor([False]), online, target, 0.5)
    tensor([2.])

    Source: van Hasselt, Guez and Silver (2016), "Deep Reinforcement Learning with Double Q-learning", equation 4.
    """
    raise NotImplementedError("double_dqn_targets")


def td_loss(
    q: Float[Tensor, "batch actions"], actions: Int[Tensor, "batch"], targets: Float[Tensor, "batch"]
) -> Float[Tensor, ""]:
    """Say how far the values of the actions taken are from their targets.

        L = mean over the batch of (y_i - q[i, a_i])²

    Of each row of q one entry takes part, that of the action that was taken; nothing is known of the others, and they
    get no gradient. Nor do the targets, even if they require one.

    Args:
        q: the online network's values, float, shape (batch, actions).
        actions: int64, shape (batch,).
        targets: y, float, shape (batch,).

    Returns:
        L, a tensor without axes, through which gradients flow back to q.

    >>> td_loss(torch.tensor([[1.0, 7.0], [7.0, 2.0]]), torch.tensor([0, 1]), torch.tensor([3.0, 2.0]))
    tensor(2.)

    Source: DQN, algorithm 1.
    """
    raise NotImplementedError("td_loss")


# %% Putting it together
class DQNAgent:
    """Acts in a vector environment, and puts what it sees into a buffer.

    Until 2024 ARENA had DQNAgent(envs, args, rb, q_network, target_network, rng). That is accepted too.

    Attributes:
        envs, buffer, q_network, rng: what it acts in, remembers with, judges actions by, and draws from.
        schedule: start_e, end_e, exploration_fraction and total_timesteps, as linear_schedule takes them.
        obs: what it sees now, float32, shape (envs, obs).
        step: how many steps it has made, those of all environments together.
        epsilon: how much it has explored when it chose its last actions.
    """

    def __init__(
        self,
        envs: gym.vector.VectorEnv,
        buffer: ReplayBuffer,
        q_network: nn.Module,
        start_e: float,
        end_e: float,
        exploration_fraction: float,
        total_timesteps: int,
        rng: np.random.Generator,
    ) -> None:
        """Keep everything, and look at the environments for the first time."""
        self.envs, self.buffer, self.q_network, self.rng = envs, buffer, q_network, rng
        self.schedule = (start_e, end_e, exploration_fraction, total_timesteps)
        self.step, self.epsilon = 0, start_e
        self.obs, _ = envs.reset()

    def get_actions(self, obs: Float[np.ndarray, "envs obs"]) -> Int[np.ndarray, "envs"]:
        """Choose an action for each environment, by your epsilon_greedy_policy.

        How much to explore says your linear_schedule, for self.step and the four numbers of self.schedule. Leave it in
        self.epsilon.

        Returns:
            The actions, an array of int, shape (envs,).
        """
        raise NotImplementedError("DQNAgent.get_actions")

    def play_step(self) -> dict[str, Any]:
        """Make one step in all environments, and put one transition of each into the buffer.

        1. Choose actions for self.obs, by self.get_actions, and take them.
        2. Where an episode has ended, by being terminated or truncated, the environment has begun the next one at
           once, and next_obs[n] is the first observation of that. What the finished one has shown last is
           infos["final_obs"][n], and this is what belongs into the transition. (In earlier editions of gymnasium, and
           in the environments of the checks too, it is also called infos["final_observation"].)
        3. self.buffer.add(obs, actions, rewards, terminated, next_obs), with what was seen before the step, and
           `terminated` alone: from a state in which an episode was truncated, one can still look ahead.
        4. Go on: self.obs is what is to be acted on next, the first observation of a new episode among them, and
           self.step grows by the number of environments.

        Returns:
            The infos of the step, as they are.
        """
        raise NotImplementedError("DQNAgent.play_step")


@dataclass
class DQNArgs:
    """Settings of a training."""

    env_id: str = "CartPole-v1"
    num_envs: int = 1
    seed: int = 1
    total_timesteps: int = 20_000  # steps in all environments together
    steps_per_train: int = 4  # steps in all environments together between two training steps
    trains_per_target_update: int = 50  # training steps between two updates of the target network
    buffer_size: int = 10_000
    batch_size: int = 128
    gamma: float = 0.99
    learning_rate: float = 1e-3
    start_e: float = 1.0
    end_e: float = 0.05
    exploration_fraction: float = 0.2
    use_wandb: bool = False  # read by answers to ARENA; nothing is logged here


class DQNTrainer:
    """Trains a network: lets an agent play, and learns from what its buffer holds.

    Attributes:
        args: the settings.
        buffer: transitions; self.buffer.sample draws from them.
        q_network, target_network: the network that learns, and an older copy of it.
        optimizer: of the parameters of q_network.
        agent: plays, with q_network, and fills the buffer.
    """

    def __init__(self, args: DQNArgs) -> None:
        """Make all parts."""
        torch.manual_seed(args.seed)
        self.args = args
        self.rng = np.random.default_rng(args.seed)
        self.envs = vector_envs(args.env_id, args.num_envs)
        shape, num_actions = self.envs.single_observation_space.shape, self.envs.single_action_space.n
        self.buffer = ReplayBuffer(args.num_envs, shape, (), args.buffer_size, args.seed)
        self.q_network, self.target_network = QNetwork(shape, num_actions), QNetwork(shape, num_actions)
        self.target_network.load_state_dict(self.q_network.state_dict())
        self.optimizer = torch.optim.AdamW(self.q_network.parameters(), lr=args.learning_rate)
        schedule = (args.start_e, args.end_e, args.exploration_fraction, args.total_timesteps)
        self.agent = DQNAgent(self.envs, self.buffer, self.q_network, *schedule, self.rng)

    def training_step(self, step: int) -> None:
        """Take one step of training, with one batch.

        1. Draw self.args.batch_size transitions from self.buffer, for `device`.
        2. Targets are td_targets, with self.args.gamma, of what self.target_network says of the next observations. The
           loss is td_loss of what self.q_network says of the observations, for the actions that were taken.
        3. One step of self.optimizer. Gradients of an earlier step take no part in it.
        4. If `step` is a multiple of self.args.trains_per_target_update, self.target_network becomes a copy of
           self.q_network, as it was before this step or as it is now; otherwise it stays as it is. The target network's
           own parameters get no gradients.

        (Until 2024 ARENA had training_step(), which counted by self.agent.steps and args.target_network_frequency. That
        is accepted too.)

        Args:
            step: how many training steps were taken before this one.
        """
        raise NotImplementedError("DQNTrainer.training_step")

    def train(self) -> None:
        """Fill the buffer, then play and train by turns. `DQNTrainer(DQNArgs(env_id="Probe1-v0")).train()` trains in a
        probe; what self.q_network then says of torch.zeros(1, 1) should be near 1.
        """
        while self.agent.step < self.args.buffer_size:
            self.agent.play_step()
        self.agent.step = 0
        for step in range(self.args.total_timesteps // self.args.steps_per_train):
            for _ in range(max(self.args.steps_per_train // self.args.num_envs, 1)):
                self.agent.play_step()
            self.training_step(step)
