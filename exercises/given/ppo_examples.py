"""What the checks of the section `ppo` put your pieces through: small networks, scripted steps, rollouts of numbers.

Answers follow several editions of the same exercises: names of settings, the order of arguments, numbers in arrays or
in tensors, gymnasium or gym before it. What is here asks a piece for its signature and speaks as it does. The calls
that a failing check shows use these functions, so that you can run them as they stand.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from exercises.given.fake_envs import as_they_speak, script
from exercises.given.phases import PPOArgs, ReplayMinibatch
from exercises.given.probes import vector_envs

Kind = Callable[..., Any]
FIELDS = ("obs", "actions", "logprobs", "values", "rewards", "terminated")  # the order of ReplayMemory.add
OLD_FIELDS = ("obs", "actions", "rewards", "terminated", "logprobs", "values")  # … and of an older edition's
OTHER_NAMES = {"observations": "obs", "dones": "terminated", "done": "terminated"}


def names(function: Kind) -> list[str]:
    """The names of a function's parameters, without self."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def settings(**own: Any) -> SimpleNamespace:
    """Settings of a run, under the names of all editions. Those that are given take the place of the usual ones."""
    steps, envs = own.get("num_steps", 4), own.get("num_envs", 2)
    usual = {
        "seed": 0, "env_id": "CartPole-v1", "mode": "classic-control", "use_wandb": False, "num_envs": envs,
        "num_steps": steps, "num_steps_per_rollout": steps, "batch_size": steps * envs, "minibatch_size": steps * envs,
        "num_minibatches": 1, "batches_per_epoch": 1, "batches_per_learning_phase": 1, "total_phases": 10,
        "total_training_steps": 10, "total_timesteps": 10 * steps * envs, "lr": 0.5, "learning_rate": 0.5,
        "max_grad_norm": 0.5, "gamma": 0.5, "gae_lambda": 0.5, "clip_coef": 0.2, "ent_coef": 0.25, "vf_coef": 0.25,
    }  # fmt: skip
    return SimpleNamespace(**{**usual, **own})


# %% Networks and gradients
def network(seed: int, num_in: int, num_out: int) -> nn.Linear:
    """A network of one layer. Its weights and biases are whole numbers of eighths, by the seed."""
    source = torch.Generator().manual_seed(seed)
    layer = nn.Linear(num_in, num_out)
    for part in layer.parameters():
        part.data = torch.randint(-8, 9, part.shape, generator=source) / 8
    return layer


def fill(module: nn.Module, seed: int) -> nn.Module:
    """Give a module's parameters small numbers that depend on their kind, shape and order, not on the layers' names."""
    sources: dict[Any, torch.Generator] = {}
    for name, part in module.named_parameters():
        kind = (name.rpartition(".")[2], part.shape)
        source = sources.setdefault(kind, torch.Generator().manual_seed(seed))
        part.data = torch.rand(part.shape, generator=source) - 0.5
    return module


def layers(module: nn.Module) -> list[nn.Linear]:
    """The linear layers of a network, in order."""
    return [part for part in module.modules() if isinstance(part, nn.Linear)]


def two_networks(make: Kind, num_obs: int, num_actions: int) -> tuple[nn.Module, nn.Module]:
    """An actor and a critic of a function that takes two numbers or, in an older edition, environments."""
    if "envs" not in names(make):
        return make(num_obs, num_actions)
    envs = script(np.zeros((2, 1, num_obs)), [[0]], ["."], num_actions=num_actions)
    return make(envs, *["classic-control"] * ("mode" in names(make)))


def slopes(objective: Tensor, *parts: Tensor) -> list[Tensor]:
    """The gradients of a number towards some tensors; zeros where it does not depend on one, as far as torch knows."""
    if not objective.requires_grad:
        return [torch.zeros_like(part) for part in parts]
    found = torch.autograd.grad(objective, parts, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(part) if each is None else each for each, part in zip(found, parts, strict=True)]


# %% Memory
def indices_of(divide: Kind, rng: np.random.Generator, batch_size: int, minibatch_size: int) -> list[np.ndarray]:
    """The minibatches of a function that takes a generator or, in an older edition, none."""
    if len(names(divide)) == 3:
        return [np.asarray(part) for part in divide(rng, batch_size, minibatch_size)]
    np.random.seed(int(rng.integers(2**31)))
    return [np.asarray(part) for part in divide(batch_size, minibatch_size)]


class Rollout(NamedTuple):
    """What there is to be kept of a rollout: (steps, envs) each, but for the last two, (envs,), which come after it."""

    actions: Tensor
    logprobs: Tensor
    values: Tensor
    rewards: Tensor
    terminated: Tensor
    next_value: Tensor
    next_terminated: Tensor


def memory_of(kind: Kind, steps: int, envs: int, minibatch_size: int, rounds: int = 1, seed: int = 0) -> Any:
    """An empty memory of a class, for observations of two numbers and numbered actions, with γ = 0.5 and λ = 0.75."""
    if "args" not in names(kind):
        return kind(envs, (2,), (), steps * envs, minibatch_size, rounds, seed)
    own = {"num_steps": steps, "num_envs": envs, "batch_size": steps * envs, "minibatch_size": minibatch_size}
    own |= {"batches_per_epoch": rounds, "batches_per_learning_phase": rounds, "gae_lambda": 0.75}
    args = settings(**own, seed=seed)
    return kind(args, script(np.zeros((2, envs, 2)), np.zeros((1, envs)), ["." * envs]))


def handed_out(
    kind: Kind, rollout: Rollout, minibatch_size: int, rounds: int = 1, seed: int = 0, reuse: bool = False
) -> list[Any]:
    """The minibatches that a memory of a class makes of a rollout, with γ = 0.5, λ = 0.75. The observation of step t
    in environment n is t · envs + n, which no other is, twice. `reuse`: what was added is overwritten afterwards.
    """
    steps, envs = rollout.rewards.shape
    obs = torch.arange(float(steps * envs)).reshape(steps, envs, 1).repeat(1, 1, 2)
    rows = [obs, rollout.actions, rollout.logprobs, rollout.values, rollout.rewards, rollout.terminated]

    def run(as_tensors: bool) -> list[Any]:
        memory = memory_of(kind, steps, envs, minibatch_size, rounds, seed)
        order = [OTHER_NAMES.get(name, name) for name in names(memory.add)]
        for t in range(steps):
            row = {name: part[t].clone() for name, part in zip(FIELDS, rows, strict=True)}
            if not as_tensors:
                row = {name: part.numpy() for name, part in row.items()}
            memory.add(*(row[name] for name in (order if set(order) == set(FIELDS) else FIELDS)))
            for part in row.values() if reuse else ():
                part[:] = 0
        given = (rollout.next_value.clone(), rollout.next_terminated.clone(), 0.5, 0.75)
        return list(memory.get_minibatches(*given[: len(names(memory.get_minibatches))]))

    return as_they_speak(run)  # where arrays will not do, tensors may


def columns(minibatches: Iterable[Any], *fields: str) -> Tensor:
    """Some fields of minibatches as columns of one table, each row a step, in the order in which they come."""
    found = []
    for minibatch in minibatches:
        parts = [getattr(minibatch, name, None) for name in fields]
        for at, name in enumerate(fields):
            other = next((old for old, new in OTHER_NAMES.items() if new == name and hasattr(minibatch, old)), name)
            parts[at] = getattr(minibatch, other) if parts[at] is None else parts[at]
        found.append(torch.stack([torch.as_tensor(part).float().reshape(len(part), -1)[:, 0] for part in parts], dim=1))
    return torch.cat(found)  # (steps, fields)


def by_rounds(table: Tensor, size: int) -> Tensor:
    """A table of steps, divided into rounds of `size` steps, each in the order of the first column."""
    rounds = table.reshape(-1, size, table.shape[1])
    return torch.stack([rows[rows[:, 0].argsort()] for rows in rounds])


# %% Acting
class Recorder:
    """A memory that writes down what is put into it, whatever the edition's order is."""

    def __init__(self, order: Sequence[str] = FIELDS) -> None:
        """Empty. `order`: of the six things, in calls without names."""
        self.order = order
        self.rows: list[dict[str, np.ndarray]] = []
        self.kept_graph = False  # whether something that was put in needs a gradient

    def add(self, *values: Any, **named: Any) -> None:
        """Write a step down."""
        row = {**dict(zip(self.order, values, strict=False)), **{OTHER_NAMES.get(k, k): v for k, v in named.items()}}
        if len(values) + len(named) != len(FIELDS) or set(row) != set(FIELDS):
            raise TypeError(f"add takes {', '.join(FIELDS)}")
        self.kept_graph |= any(isinstance(part, Tensor) and part.requires_grad for part in row.values())
        parts = {name: part.detach() if isinstance(part, Tensor) else part for name, part in row.items()}
        self.rows.append({name: np.array(part) for name, part in parts.items()})

    def reset(self) -> None:
        """Forget everything."""
        self.rows = []

    def field(self, name: str) -> np.ndarray:
        """One of the six things, in all steps: (steps, envs, ...)."""
        return np.stack([row[name] for row in self.rows]).astype(np.float32)


def agent_of(kind: Kind, envs: Any, actor: nn.Module, critic: nn.Module) -> Any:
    """An agent of a class with these networks, whose memory is a Recorder."""
    if "args" not in names(kind):
        return kind(envs, actor, critic, Recorder())
    agent = kind(settings(num_envs=envs.num_envs), envs)
    place = "rb" if hasattr(agent, "rb") else "memory"
    usual = OLD_FIELDS if place == "rb" else FIELDS
    own = [OTHER_NAMES.get(name, name) for name in names(getattr(agent, place).add)]
    agent.actor, agent.critic = actor, critic
    setattr(agent, place, Recorder(own if set(own) == set(FIELDS) else usual))
    return agent


class Played(NamedTuple):
    """What an agent has put into its memory, (steps, envs, ...) each, and what it did in the environments."""

    obs: np.ndarray
    actions: np.ndarray
    logprobs: np.ndarray
    values: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    taken: np.ndarray
    chances: np.ndarray  # (steps, envs, actions): the logarithms of the actions' probabilities, by the actor
    kept_graph: bool


def played(kind: Kind, actor: nn.Module, critic: nn.Module, *scripted: Any) -> Played:
    """What an agent of a class puts into its memory while it plays a script: obs, rewards, ends; see `script`."""
    num_actions = layers(actor)[-1].out_features

    def run(old: bool) -> Played:
        envs = script(*scripted, num_actions=num_actions, old=old)
        agent = agent_of(kind, envs, actor, critic)
        for _ in scripted[1]:
            agent.play_step()
        memory = getattr(agent, "rb", None) or agent.memory
        fields = [memory.field(name) for name in FIELDS]
        with torch.no_grad():
            chances = actor(torch.tensor(fields[0])).log_softmax(dim=-1).numpy()
        return Played(*fields, np.stack(envs.actions).astype(np.float32), chances, memory.kept_graph)

    return as_they_speak(run)


def told(kind: Kind, *scripted: Any) -> tuple[list[list[list[float]]], int]:
    """What play_step returns while an agent of a class plays a script, for each step the last observations of episodes
    that are over; and how many steps the agent has counted, in all environments together.
    """

    def run(old: bool) -> tuple[list[list[list[float]]], int]:
        envs = script(*scripted, old=old)
        agent = agent_of(kind, envs, network(0, 1, 2), network(0, 1, 1))
        found = []
        for _ in scripted[1]:
            infos = agent.play_step()
            finals = [info.get("terminal_observation") for info in infos] if old else infos.get("final_obs", [])
            found.append([final.tolist() for final in finals if final is not None])
        count = agent.step if "step" in vars(agent) else agent.steps
        return found, envs.num_envs * count if old and count == len(scripted[1]) else count

    return as_they_speak(run)


# %% Learning
class Minibatch(ReplayMinibatch):
    """Steps to learn from, under older names too."""

    @property
    def observations(self) -> Tensor:
        """The observations."""
        return self.obs

    @property
    def dones(self) -> Tensor:
        """The flags."""
        return self.terminated


def minibatch(seed: int, size: int, num_actions: int = 3) -> Minibatch:
    """Steps to learn from, by a seed, with observations of two numbers."""
    source = torch.Generator().manual_seed(seed)
    actions = torch.randint(num_actions, (size,), generator=source)
    logprobs = -torch.randint(1, 5, (size,), generator=source) / 2
    advantages = torch.randperm(size, generator=source) - size / 4
    returns = torch.randint(-4, 5, (size,), generator=source) / 2
    obs = torch.randint(-4, 5, (size, 2), generator=source) / 2
    return Minibatch(obs, actions, logprobs, advantages, returns, torch.zeros(size))


class Networks(nn.Module):
    """Stands for an agent: two networks, and minibatches to learn from. It notes how it is asked for them."""

    def __init__(self, actor: nn.Module, critic: nn.Module, minibatches: Sequence[Minibatch] = ()) -> None:
        """Take what it is to have."""
        super().__init__()
        self.actor, self.critic, self.minibatches = actor, critic, minibatches
        self.asked: list[tuple[Any, ...]] = []
        self.step = self.steps = 0

    def get_minibatches(self, *asked: Any, **named: Any) -> list[Minibatch]:
        """The minibatches; older editions ask without γ and λ."""
        self.asked.append((*asked, *named.values()))
        return list(self.minibatches)


class Counter:
    """Stands for a scheduler: counts the calls of step."""

    calls = 0

    def step(self) -> None:
        """Count."""
        self.calls += 1


def bare(kind: Kind) -> Any:
    """An object of a class, without its __init__."""
    made = object.__new__(kind)  # type: ignore[call-overload]
    if isinstance(made, nn.Module):
        nn.Module.__init__(made)
    return made


def trainer_of(kind: Kind, seed: int, minibatches: Sequence[Minibatch] = (), **own: Any) -> Any:
    """A trainer of a class, without its __init__, with small networks by a seed and torch's SGD, which maximises."""
    trainer = bare(kind)
    trainer.args = settings(**own)
    trainer.actor, trainer.critic = network(seed, 2, 3), network(seed + 1, 2, 1)
    trainer.agent = Networks(trainer.actor, trainer.critic, minibatches)
    trainer.optimizer = torch.optim.SGD(trainer.agent.parameters(), lr=trainer.args.lr, maximize=True)
    trainer.scheduler = Counter()
    trainer.memory = trainer.rb = trainer.envs = None
    return trainer


def objective_of(trainer: Any, batch: Minibatch) -> Tensor:
    """What a trainer maximises, whatever the method is called."""
    method = getattr(trainer, "compute_ppo_objective", None) or trainer._compute_ppo_objective
    return method(batch)


def optimizer_of(make: Kind, actor: nn.Module, critic: nn.Module, *given: Any) -> tuple[Any, Any]:
    """An optimizer and its scheduler of a function that takes two networks or, in older editions, an agent."""
    if "actor" in names(make):
        return make(actor, critic, *given)
    return make(Networks(actor, critic), *given)


# %% Training
class CountingEnvs:
    """Environments side by side that count what episodes earn. `old`: they speak as gym did before it became
    gymnasium: reset returns no info, and step one flag in the place of two.
    """

    def __init__(self, envs: Any, old: bool) -> None:
        """Of environments that speak as gymnasium does."""
        self.envs, self.old = envs, old
        self.earned = np.zeros(envs.num_envs)  # in the episode that is being played, for each environment
        self.returns: list[float] = []  # of all episodes that are over

    def __getattr__(self, name: str) -> Any:
        return getattr(self.envs, name)

    def reset(self, **options: Any) -> Any:
        """Begin."""
        obs, infos = self.envs.reset(**options)
        return obs if self.old else (obs, infos)

    def step(self, actions: Any) -> Any:
        """Take a step in each."""
        obs, rewards, terminated, truncated, infos = self.envs.step(actions)
        self.earned += rewards
        over = terminated | truncated
        self.returns += self.earned[over].tolist()
        self.earned[over] = 0
        return (obs, rewards, over, [{}] * len(over)) if self.old else (obs, rewards, terminated, truncated, infos)


def practising(solution: Any, args: PPOArgs) -> Any:
    """A trainer whose parts are those of a file, of whatever edition, ready to play and to learn."""
    torch.manual_seed(args.seed)
    envs = vector_envs(args.env_id, args.num_envs)
    envs.reset(seed=args.seed)
    num_obs, num_actions = int(np.prod(envs.single_observation_space.shape)), int(envs.single_action_space.n)
    rounds = args.batches_per_learning_phase
    steps = args.total_phases * rounds * args.num_minibatches
    own = settings(
        **vars(args),
        num_steps=args.num_steps_per_rollout,
        batch_size=args.batch_size,
        minibatch_size=args.minibatch_size,
        batches_per_epoch=rounds,
        learning_rate=args.lr,
        total_training_steps=steps,
    )

    def run(old: bool) -> Any:
        trainer = bare(solution.PPOTrainer)
        trainer.args, trainer.envs = own, CountingEnvs(envs, old)
        if "args" in names(solution.PPOAgent):
            trainer.agent = solution.PPOAgent(own, trainer.envs)
            trainer.actor, trainer.critic = trainer.agent.actor, trainer.agent.critic
            return trainer
        trainer.actor, trainer.critic = two_networks(solution.get_actor_and_critic_classic, num_obs, num_actions)
        sizes = (args.num_envs, (num_obs,), (), args.batch_size, args.minibatch_size)
        trainer.memory = solution.ReplayMemory(*sizes, rounds, args.seed)
        trainer.agent = solution.PPOAgent(trainer.envs, trainer.actor, trainer.critic, trainer.memory)
        return trainer

    trainer = as_they_speak(run)
    make = solution.make_optimizer
    total = steps if "total_training_steps" in names(make) else args.total_phases
    trainer.optimizer, trainer.scheduler = optimizer_of(make, trainer.actor, trainer.critic, total, args.lr)
    return trainer
