"""What the checks of the section `dqn` put your pieces through: episodes, small networks, buffers, scripted steps.

The calls that a failing check shows use these functions, so that you can run them as they stand. They know the names
that earlier editions of ARENA had for the same things.
"""

import inspect
import warnings
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium.utils.env_checker import check_env
from torch import Tensor, nn

from exercises.given import probes
from exercises.given.fake_envs import ScriptedEnvs, as_they_speak
from exercises.given.fake_envs import script as scripted


# %% Environments
class Modern(gym.Env):
    """An environment as gymnasium has it, around one that may speak as gym did before, or show other dtypes."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.observation_space, self.action_space = env.observation_space, env.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Begin an episode."""
        said = self.env.reset() if seed is None else self.env.reset(seed=seed)
        return self.shown(said[0] if isinstance(said, tuple) else said), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        """One flag, as gym had it, stands for terminated."""
        obs, reward, *flags, info = self.env.step(action)
        terminated, truncated = flags if len(flags) == 2 else (*flags, False)
        return self.shown(obs), float(reward), bool(terminated), bool(truncated), info

    def shown(self, obs: Any) -> np.ndarray:
        """An observation in the dtype of the space."""
        return np.asarray(obs).astype(self.observation_space.dtype)


def complaint(env: Any) -> str:
    """What gymnasium's check_env says of an environment, nothing if all is well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_env(env, skip_render_check=True)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""


class Form(NamedTuple):
    """What an environment looks like from outside, as it is."""

    complaint: str  # of check_env
    lowest: list[float]
    highest: list[float]
    dtypes: list[str]  # of the observations of reset and step
    inside: list[bool]  # whether they are of the space
    flags: bool  # whether terminated and truncated are bool


def form(env: Any) -> Form:
    """What check_env says of an environment, and the bounds of its space and what it shows in a step."""
    words, space = complaint(env), env.observation_space
    obs, _ = env.reset(seed=0)
    last, _, *flags, _ = env.step(0)
    dtypes = [str(np.asarray(each).dtype) for each in (obs, last)]
    are_bool = all(isinstance(flag, bool | np.bool_) for flag in flags)
    return Form(words, space.low.tolist(), space.high.tolist(), dtypes, [obs in space, last in space], are_bool)


class Episode(NamedTuple):
    """The observations that were acted on, the rewards, and for each step whether the episode was over."""

    seen: list[float]
    rewards: list[float]
    terminated: list[bool]
    truncated: list[bool]


def played(env: Any, actions: Sequence[int], seed: int | None = None) -> Episode:
    """An episode in which these actions are taken; it ends with them, or before."""
    env = Modern(env)
    obs, _ = env.reset(seed=seed)
    episode = Episode([], [], [], [])
    for action in actions:
        new_obs, reward, terminated, truncated, _ = env.step(action)
        for told, word in zip(episode, (obs.item(), reward, terminated, truncated), strict=True):
            told.append(word)
        obs = new_obs
        if terminated or truncated:
            break
    return episode


def firsts(env: Any, count: int, seed: int) -> list[float]:
    """What is seen at the beginning of so many episodes, of which the first is begun with a seed."""
    env = Modern(env)
    return [float(env.reset(seed=None if number else seed)[0].item()) for number in range(count)]


def paid(env: Any, actions: int, episodes: int = 60) -> list[tuple[float, int, float]]:
    """The observations of many episodes of one step, the actions and the rewards, each triple once, in order."""
    found = set()
    for number in range(episodes):
        action = number % actions
        episode = played(env, [action], None if number else 0)
        found.add((episode.seen[0], action, episode.rewards[0]))
    return sorted(found)


# %% Networks
def filled(module: Any, seed: int) -> Any:
    """The module, with parameters from -1 to 1 that depend on their kind, shape and order, not on its parts' names."""
    sources: dict[Any, torch.Generator] = {}
    with torch.no_grad():
        for name, value in module.named_parameters():
            key = name.rpartition(".")[2], value.shape
            source = sources.setdefault(key, torch.Generator().manual_seed(2 * seed + value.ndim))
            value.copy_(2 * torch.rand(value.shape, generator=source) - 1)
    return module


def q_network(kind: Callable[..., Any], obs: int, *args: Any, **settings: Any) -> Any:
    """A QNetwork for observations of so many numbers; editions pass that as a tuple or as it is."""
    first = next(iter(inspect.signature(kind).parameters))
    return kind(obs if "dim" in first else (obs,), *args, **settings)


def spread(seed: int, *shape: int) -> Tensor:
    """Whole numbers from -4 to 4, as floats."""
    return torch.randint(-4, 5, shape, generator=torch.Generator().manual_seed(seed)).float()


class Mirror(nn.Module):
    """The values of a Mirror are what it sees, in reverse order."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """(envs, actions) -> (envs, actions)."""
        return x.flip(-1) * self.scale


def small_network(seed: int, obs: int = 2, actions: int = 3) -> nn.Module:
    """A single Linear layer, whose weights are whole numbers."""
    layer = nn.Linear(obs, actions)
    with torch.no_grad():
        layer.weight.copy_(spread(seed, actions, obs))
        layer.bias.copy_(spread(seed + 1, actions))
    return layer


def waiting(num_envs: int, num_actions: int) -> ScriptedEnvs:
    """A vector environment with so many environments and actions, in which no step can be made."""
    return scripted(
        np.zeros((1, num_envs, 1)), np.zeros((0, num_envs)), [], np.zeros((0, num_envs)), num_actions=num_actions
    )


def takes_tensors(policy: Callable[..., Any]) -> bool:
    """Whether an epsilon_greedy_policy wants observations as a tensor, as in 2023, and not as an array."""
    try:
        policy(waiting(1, 2), Mirror(), np.random.default_rng(0), np.zeros((1, 2), dtype=np.float32), 0.0)
    except (AttributeError, TypeError):
        return True
    return False


def chosen(
    policy: Callable[..., Any], obs: Any, epsilon: float, rng: np.random.Generator | None = None, times: int = 1
) -> np.ndarray:
    """The actions that an epsilon_greedy_policy chooses, shape (times, envs). A Mirror says what actions are worth."""
    seen: Any = np.array(obs, dtype=np.float32)
    envs, rng = waiting(*seen.shape), rng or np.random.default_rng(0)
    if takes_tensors(policy):
        seen = torch.from_numpy(seen)
    network = Mirror()
    rows = [policy(envs, network, rng, seen, epsilon) for _ in range(times)]
    if not isinstance(rows[0], np.ndarray):
        raise TypeError(f"epsilon_greedy_policy should return an array, and returned {type(rows[0]).__name__}")
    actions = np.stack(rows)
    return actions.astype(np.int64) if actions.dtype.kind in "iu" else actions


# %% Buffers
FIELDS = (
    ("obs", "observations"),
    ("actions",),
    ("rewards",),
    ("terminated", "dones"),
    ("next_obs", "next_observations"),
)


def buffer(kind: Callable[..., Any], num_envs: int, size: int, seed: int = 0, obs: tuple[int, ...] = (1,)) -> Any:
    """A ReplayBuffer for actions that are numbers. Early editions keep one environment's transitions."""
    first = next(iter(inspect.signature(kind).parameters))
    envs = 1 if _is_narrow(kind) else num_envs
    return kind(size, envs, seed) if "size" in first else kind(envs, obs, (), size, seed)


def transition(number: int, obs: tuple[int, ...] = (1,)) -> tuple[Any, ...]:
    """One that can be told from all others: all it holds follows from its number."""
    shape = (1, *obs)
    return (
        np.full(shape, number, dtype=np.float32),
        np.array([number % 3]),
        np.array([number / 2]),
        np.array([number % 4 == 1]),
        np.full(shape, number + 0.25, dtype=np.float32),
    )


def put(kept: Any, numbers: Sequence[int], num_envs: int = 1, obs: tuple[int, ...] = (1,), spoil: bool = False) -> Any:
    """The buffer, after transitions of these numbers were added, num_envs at a time. With `spoil`, the arrays are
    overwritten afterwards, as environments do."""
    if _is_narrow(type(kept)):
        num_envs = 1
    for start in range(0, len(numbers), num_envs):
        some = [transition(number, obs) for number in numbers[start : start + num_envs]]
        arrays = [np.concatenate(column) for column in zip(*some, strict=True)]
        kept.add(*arrays)
        if spoil:
            for array in arrays:
                array[...] = 1
    return kept


def _is_narrow(kind: Callable[..., Any]) -> bool:
    """Whether a buffer is of an edition that keeps one environment's transitions, and may insist on that."""
    first = next(iter(inspect.signature(kind).parameters))
    return "size" in first or first == "num_environments"


def fields(samples: Any) -> list[Tensor]:
    """What a sample holds, in order: observations, actions, rewards, terminated, next observations."""
    if all(any(hasattr(samples, name) for name in names) for names in FIELDS):
        return [next(getattr(samples, name) for name in names if hasattr(samples, name)) for names in FIELDS]
    return list(samples)


class Row(NamedTuple):
    """A transition in a sample; all of it numbers."""

    obs: float
    action: float
    reward: float
    terminated: float
    next_obs: float


def drawn(kept: Any, sample_size: int, times: int) -> list[list[Row]]:
    """Several samples, each a list of rows."""
    found = []
    for _ in range(times):
        columns = fields(kept.sample(sample_size, torch.device("cpu")))
        numbers = [[float(row.flatten()[0]) for row in column] for column in columns]
        found.append([Row(*row) for row in zip(*numbers, strict=True)])
    return found


def held(kept: Any, sample_size: int, times: int = 60) -> list[Row]:
    """All rows that turn up in so many samples, each once, in order."""
    return sorted({row for sample in drawn(kept, sample_size, times) for row in sample})


# %% Agents
class Added(NamedTuple):
    """What was added to a buffer in one step, with an entry for each environment."""

    obs: list[Any]
    actions: list[int]
    rewards: list[float]
    terminated: list[bool]
    next_obs: list[Any]


class Notes:
    """In the place of a buffer: writes down what is added."""

    def __init__(self) -> None:
        self.rows: list[Added] = []

    def add(
        self, obs: Any, actions: Any, rewards: Any, terminated: Any = None, next_obs: Any = None, dones: Any = None
    ) -> None:
        """Copies."""
        ends = np.asarray(dones if terminated is None else terminated).astype(bool)
        seen, then = (np.array(each, dtype=float).tolist() for each in (obs, next_obs))
        self.rows.append(Added(seen, np.array(actions).tolist(), np.array(rewards).tolist(), ends.tolist(), then))


def settings(**others: Any) -> SimpleNamespace:
    """Settings under the names of all editions."""
    usual = {
        "batch_size": 4, "gamma": 0.5, "buffer_size": 100, "learning_rate": 0.125, "use_wandb": False, "seed": 0,
        "start_e": 1.0, "end_e": 0.0, "exploration_fraction": 0.5, "total_timesteps": 8, "total_training_steps": 8,
        "env_id": "CartPole-v1", "num_envs": 1, "steps_per_train": 1, "train_frequency": 1, "log_freq": 10**9,
        "trains_per_target_update": 10**6, "target_network_frequency": 10**6, "video_log_freq": None, "exp_name": "",
        "capture_video": False, "wandb_project_name": "", "wandb_entity": None, "mode": "classic-control",
    }  # fmt: skip
    return SimpleNamespace(**{**usual, **others})


def is_early(kind: Callable[..., Any]) -> bool:
    """Whether a DQNAgent is of an edition that has a single environment, and takes settings as args."""
    return "args" in inspect.signature(kind).parameters


def _publish(kind: Any, args: Any) -> None:
    """Methods may read a global `args` of their file where they mean their own settings: let both be the same."""
    for method in vars(kind).values():
        names = getattr(inspect.unwrap(method), "__globals__", {}) if callable(method) else {}
        if "args" in names:
            names["args"] = args


def agent(kind: Callable[..., Any], envs: Any, buffer: Any, network: Any, rng: Any = None, **schedule: Any) -> Any:
    """A DQNAgent. `schedule`: start_e, end_e, exploration_fraction, total_timesteps."""
    args = settings(**schedule)
    _publish(kind, args)
    parts = {
        **vars(args), "args": args, "envs": envs, "env": envs, "buffer": buffer, "rb": buffer, "memory": buffer,
        "q_network": network, "target_network": network, "rng": np.random.default_rng(0) if rng is None else rng,
    }  # fmt: skip
    named = {name: parts[name] for name in inspect.signature(kind).parameters if name in parts}
    return kind(**named)


class Player(NamedTuple):
    """What an agent has put into its buffer, how much it has explored, what it has done, and how long the episodes were
    of which its infos speak: an entry for each step."""

    added: list[Added]
    epsilons: list[float]
    actions: list[list[int]]
    lengths: list[list[int]]


def play(
    solution: Any, script: dict[str, Any], seed: int = 0, start_e: float = 0.0, end_e: float = 0.0, total: float = 8
) -> Player:
    """A DQNAgent makes all steps of a script.

    Args:
        solution: your file.
        script: what exercises.given.fake_envs.script takes.
        seed: of its network's weights.
        start_e, end_e: how much it explores. It has arrived at end_e after half of all steps.
        total: how many steps there are going to be, in all environments together.
    """

    def run(old: bool) -> Player:
        envs, notes, epsilons, lengths = scripted(**script, old=old), Notes(), [], []
        early = is_early(solution.DQNAgent)  # counts steps, not environments
        network = small_network(seed, envs.final.shape[-1], int(envs.single_action_space.n))
        schedule = {"start_e": start_e, "end_e": end_e, "total_timesteps": total / (envs.num_envs if early else 1)}
        player = agent(solution.DQNAgent, envs, notes, network, **schedule)
        for _ in script["rewards"]:
            lengths.append(_lengths(player.play_step()))
            epsilons.append(float(player.epsilon))
        if _says_dones(solution) or old:
            _forget(notes.rows, envs, ends_too=old)
        return Player(notes.rows, epsilons, [np.array(each).tolist() for each in envs.actions], lengths)

    return as_they_speak(run)


def _lengths(infos: Any) -> list[int]:
    """How long the episodes were that the infos of a step speak of."""
    if isinstance(infos, dict):
        infos = infos.get("final_info", [])
    return [info["episode"]["l"] for info in infos if info]


def _says_dones(solution: Any) -> bool:
    """Whether a buffer is of an edition that has one flag for both ways in which episodes end."""
    kind = vars(solution).get("ReplayBuffer")
    return kind is not None and "dones" in inspect.signature(kind.add).parameters


def _forget(rows: list[Added], envs: ScriptedEnvs, ends_too: bool) -> None:
    """Editions with one flag for both may count a truncated episode as ended, and gym's may keep what comes next."""
    for step, row in enumerate(rows):
        for n in np.flatnonzero(envs.ends[1][step] & ~envs.ends[0][step]):
            row.terminated[n] = False
        if ends_too:
            for n in np.flatnonzero(envs.ends[0][step] | envs.ends[1][step]):
                row.next_obs[n] = envs.final[step, n].tolist()


# %% Trainers
class Batch(NamedTuple):
    """A sample, under the names of all editions."""

    obs: Tensor
    actions: Tensor
    rewards: Tensor
    terminated: Tensor
    next_obs: Tensor

    observations = property(lambda self: self.obs)
    dones = property(lambda self: self.terminated)
    next_observations = property(lambda self: self.next_obs)


class Pool:
    """In the place of a buffer: always gives the first transitions that it has, as many as are wanted."""

    def __init__(self, seed: int, floats: bool = False) -> None:
        numbers = torch.Generator().manual_seed(seed)
        terminated = torch.randint(0, 2, (64,), generator=numbers) > 0
        actions = torch.randint(0, 3, (64,), generator=numbers)
        ends = terminated.float() if floats else terminated
        self.rows = Batch(spread(seed, 64, 2), actions, spread(seed + 1, 64), ends, spread(seed + 2, 64, 2))

    def sample(self, sample_size: int, device: Any) -> Batch:
        """The first ones."""
        return Batch(*(field[:sample_size] for field in self.rows))


class Trained(NamedTuple):
    """The network's weights after training, for each step of the optimizer whether all parameters had gradients, and
    the target network's weights and gradients."""

    network: list[Tensor]
    steps: list[bool]
    target: list[Tensor]
    gradients: list[Tensor | None]


class Descent(torch.optim.SGD):
    """Plain gradient descent that notes for each step whether all parameters have gradients."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, lr=1 / 64)
        self.steps: list[bool] = []

    def step(self, closure: Any = None) -> None:
        """A step."""
        self.steps.append(all(each.grad is not None for group in self.param_groups for each in group["params"]))
        super().step(closure)


def weights(network: nn.Module) -> list[Tensor]:
    """All parameters, in order."""
    return [parameter.detach().clone() for parameter in network.parameters()]


def make_trainer(kind: Callable[..., Any], args: Any, **parts: Any) -> Any:
    """A DQNTrainer with these parts, without its __init__."""
    _publish(kind, args)
    made: Any = kind.__new__(kind)  # type: ignore[attr-defined]
    if isinstance(made, nn.Module):
        nn.Module.__init__(made)
    buffer = parts["buffer"]
    for name, part in {
        "args": args,
        "rb": buffer,
        "memory": buffer,
        "start_time": 0.0,
        "run_name": "",
        **parts,
    }.items():
        setattr(made, name, part)
    return made


def train(trainer: Any, step: int) -> None:
    """A training step, numbered. What Lightning would do with a loss that is returned is done here."""
    kind = type(trainer)
    takes = list(inspect.signature(kind.training_step).parameters)[1:]
    loss = trainer.training_step(*([] if not takes else [None if "batch" in takes[0] else step]))
    if "batch" in takes[:1]:
        trainer.optimizer.zero_grad()
        loss.backward()
        trainer.optimizer.step()


def trained(kind: Callable[..., Any], seed: int, at: Sequence[int], batch_size: int = 4, every: int = 10**6) -> Trained:
    """A small network and its target network, after the training steps of these numbers, by plain gradient descent.

    Args:
        kind: DQNTrainer.
        seed: of weights and transitions.
        at: the numbers of the training steps.
        batch_size: how many transitions a step takes.
        every: the target network becomes a copy at the steps that are multiples of it.
    """

    def run(floats: bool) -> Trained:
        args = settings(batch_size=batch_size, trains_per_target_update=every, target_network_frequency=every)
        networks = {"q_network": small_network(seed), "target_network": small_network(seed + 5)}
        pool = Pool(seed, floats)
        player = SimpleNamespace(play_step=lambda: {}, epsilon=0.5, step=0, steps=0, rb=pool, buffer=pool, **networks)
        optimizer = Descent(networks["q_network"].parameters())
        rest = {"agent": player, "optimizer": optimizer, "rng": np.random.default_rng(0), "envs": waiting(1, 3)}
        made = make_trainer(kind, args, buffer=pool, **networks, **rest)
        for step in at:
            player.step = player.steps = step
            train(made, step)
        target = made.target_network
        gradients = [each.grad for each in target.parameters()]
        return Trained(weights(made.q_network), optimizer.steps, weights(target), gradients)

    return as_they_speak(run)  # flags are bool, or in early editions numbers


# %% CartPole
class Watched:
    """A vector environment that notes how long its episodes were, and speaks as gymnasium or as gym before it."""

    def __init__(self, envs: gym.vector.SyncVectorEnv, old: bool) -> None:
        self.inner, self.old = envs, old
        self.running = np.zeros(envs.num_envs, dtype=int)
        self.lengths: list[int] = []  # of the episodes that are over

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def reset(self, **options: Any) -> Any:
        """Begin."""
        obs, infos = self.inner.reset(**options)
        return obs if self.old else (obs, infos)

    def step(self, actions: Any) -> Any:
        """A step in all environments."""
        obs, rewards, terminated, truncated, infos = self.inner.step(actions)
        over = terminated | truncated
        self.running += 1
        self.lengths += self.running[over].tolist()
        self.running[over] = 0
        last = infos.get("final_obs")
        if self.old:
            told = [{"terminal_observation": last[n]} if over[n] else {} for n in range(len(obs))]
            return obs, rewards, over, told
        return obs, rewards, terminated, truncated, {} if last is None else {
            "final_obs": last, "_final_obs": over, "final_observation": last, "_final_observation": over
        }  # fmt: skip


class Training(NamedTuple):
    """What plays, what trains, and the environments, which note how long episodes were."""

    player: Any
    trainer: Any
    envs: Watched

    @property
    def plays(self) -> bool:
        """Whether a training step makes args.train_frequency steps itself, as trainers of Lightning do."""
        return isinstance(self.trainer, nn.Module)


def training(solution: Any, env_id: str, seed: int, num_envs: int, lr: float, **others: Any) -> Training:
    """Your parts put together, in whatever edition; `others` are settings. One step was made, and not counted."""
    args = settings(**others)

    def run(old: bool) -> Training:
        torch.manual_seed(seed)
        early = "size" in next(iter(inspect.signature(solution.ReplayBuffer).parameters))
        envs = Watched(probes.vector_envs(env_id, 1 if early else num_envs), old)
        obs, actions = envs.single_observation_space.shape, int(envs.single_action_space.n)
        kept = buffer(solution.ReplayBuffer, envs.num_envs, args.buffer_size, seed, obs)
        network, target = (q_network(solution.QNetwork, obs[0], actions) for _ in range(2))
        target.load_state_dict(network.state_dict())
        counted = envs.num_envs if is_early(solution.DQNAgent) else 1
        schedule = {**others, "total_timesteps": others["total_timesteps"] / counted}
        rng = np.random.default_rng(seed)
        player = agent(solution.DQNAgent, envs, kept, network, rng, **schedule)
        optimizer = torch.optim.Adam(network.parameters(), lr=lr)
        parts = {"q_network": network, "target_network": target, "optimizer": optimizer, "envs": envs, "rng": rng}
        made = make_trainer(solution.DQNTrainer, args, buffer=kept, agent=player, **parts)
        player.play_step()  # fails where it speaks another language
        player.step = player.steps = 0
        args.train_frequency = num_envs // envs.num_envs
        return Training(player, made, envs)

    return as_they_speak(run)
