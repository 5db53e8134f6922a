"""What the section `policy_gradient` builds its examples with: policies with known weights, trajectories, agents."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from exercises.given.fake_envs import ScriptedEnvs, as_they_speak, script

# Names under which answers know the same thing.
_NAMES = {
    "pi": "pi policy policy_network policy_net network net actor model",
    "envs": "envs env",
    "max_steps": "max_steps num_steps n_steps steps num_steps_per_rollout steps_per_rollout rollout_length",
    "num_envs": "num_envs num_environments n_envs",
    "obs": "obs observations observation",
    "actions": "actions action",
    "logprobs": "logprobs log_probs logprob logprobs_taken",
    "rewards": "rewards reward",
    "dones": "dones done terminated",
    "infos": "infos info",
    "step": "step t time idx i step_idx",
    "args": "args config cfg",
    "device": "device",
    "seed": "seed",
    "gamma": "gamma",
}
_HOME = {name: home for home, names in _NAMES.items() for name in names.split()}


# %% Numbers
def noise(seed: int, *shape: int) -> Tensor:
    """Numbers between -1 and 1."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def gradients(output: Any, *inputs: Tensor) -> list[Tensor]:
    """The gradient of the sum of a tensor by each of the inputs; zeros by what it does not depend on."""
    if not (isinstance(output, Tensor) and output.requires_grad):
        return [torch.zeros_like(tensor) for tensor in inputs]
    return list(torch.autograd.grad(output.sum(), inputs, allow_unused=True, materialize_grads=True))


def leaf(tensor: Tensor) -> Tensor:
    """A copy by which can be differentiated."""
    return tensor.clone().requires_grad_()


# %% Networks
def fill(module: nn.Module, seed: int) -> nn.Module:
    """Gives a network numbers that depend on the order of its parameters, not on their names."""
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(noise(100 * seed + number, *parameter.shape))
    return module


def network(kind: Callable[..., Any], *shapes: Any) -> Any:
    """A PolicyNetwork or ValueNetwork of a class; hidden sizes come last, as a list if its default is a list."""
    defaults = [each.default for each in inspect.signature(kind).parameters.values()]
    as_list = any(isinstance(default, list) for default in defaults)
    return kind(*shapes[:-1], list(shapes[-1]) if as_list else tuple(shapes[-1]))


def answers(kind: Callable[..., Any], seed: int, leading: tuple[int, ...], *shapes: Any) -> Tensor:
    """What a PolicyNetwork or ValueNetwork of a class, with numbers that follow from a seed, makes of observations.

    `shapes` are what it is made with, the shape of an observation first; `leading` are the axes before that.
    """
    return fill(network(kind, *shapes), seed)(noise(seed, *leading, *shapes[0])).detach()


def sizes(module: nn.Module) -> list[tuple[int, ...]]:
    """The shapes of all parameters."""
    return [tuple(parameter.shape) for parameter in module.parameters()]


def small_policy(seed: int, obs_size: int, num_actions: int, scale: float = 1.0) -> nn.Module:
    """A policy with a single layer. `scale` says how sure it is."""
    policy = fill(nn.Linear(obs_size, num_actions), seed)
    with torch.no_grad():
        policy.weight *= scale
    return policy


class Repeats(nn.Module):
    """A policy whose logits are what it sees. It counts what it saw, and has a parameter, as every network has."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, obs: Tensor) -> Tensor:
        """The observations themselves."""
        return self.scale * obs


def undecided(batch: int) -> tuple[Tensor, Tensor]:
    """The logits of a policy that knows nothing, (batch, 2), and actions, (batch,): always the first one."""
    return torch.zeros(batch, 2), torch.zeros(batch, dtype=torch.int64)


# %% Trajectories
def tau(**tensors: Tensor) -> SimpleNamespace:
    """A trajectory: obs, actions, logprobs, rewards and dones, as far as they are given."""
    first = next(iter(tensors.values()))
    return SimpleNamespace(num_envs=first.shape[0], max_steps=first.shape[1], device="cpu", **tensors)


def acting(seed: int, actions: Tensor, num_actions: int, scale: float = 1.0) -> tuple[nn.Module, SimpleNamespace]:
    """A small policy, and a trajectory with these actions and observations of two numbers."""
    return small_policy(seed, 2, num_actions, scale), tau(obs=noise(seed, *actions.shape, 2), actions=actions)


def played(seed: int, steps: int, gamma: float) -> SimpleNamespace:
    """A trajectory of three environments, observations of two numbers and two actions.

    In every step the same three returns stand in another order. So their mean and their standard deviation over the
    environments are those over all numbers.
    """
    chance = torch.Generator().manual_seed(seed)
    base = torch.randperm(9, generator=chance)[:3] - 4.0
    returns = torch.stack([base[torch.randperm(3, generator=chance)] for _ in range(steps)], dim=1)
    dones = torch.rand((3, steps), generator=chance) < 0.4
    ahead = torch.cat([returns[:, 1:], torch.zeros(3, 1)], dim=1) * ~dones
    return tau(
        obs=noise(seed, 3, steps, 2),
        actions=torch.randint(2, (3, steps), generator=chance),
        logprobs=noise(seed + 1, 3, steps) / 2 - 0.7,
        rewards=returns - gamma * ahead,
        dones=dones,
    )


def filled(
    kind: Callable[..., Any],
    steps: list[tuple[Any, ...]],
    action_shape: tuple[int, ...] = (),
    how: Callable[[Any], Any] = torch.as_tensor,
) -> Any:
    """A Rollout of a class to which steps were added: (obs, actions, logprobs, rewards, dones) of all environments.

    These are lists or tensors, and `how` makes of them what is handed over.
    """
    obs = torch.as_tensor(steps[0][0])
    rollout = kind(len(obs), len(steps), tuple(obs.shape[1:]), action_shape, torch.device("cpu"))
    for number, step in enumerate(steps):
        add(rollout, number, *map(how, step))
    return rollout


def add(rollout: Any, number: int, obs: Any, actions: Any, logprobs: Any, rewards: Any, dones: Any) -> None:
    """Add a step to a rollout, whatever it calls its arguments, and whether it wants to know the number of the step."""
    have = {"obs": obs, "actions": actions, "logprobs": logprobs, "rewards": rewards, "dones": dones}
    called(rollout.add_step, infos={}, step=number, **have)


class Kept(NamedTuple):
    """What a rollout has."""

    obs: Tensor
    actions: Tensor
    logprobs: Tensor
    rewards: Tensor
    dones: Tensor


def kept(rollout: Any) -> Kept:
    """What a rollout has; actions and dones as whole numbers."""
    return Kept(rollout.obs, rollout.actions.long(), rollout.logprobs, rollout.rewards, rollout.dones.long())


# %% Agents
def called(function: Callable[..., Any], **have: Any) -> Any:
    """What a function returns for arguments that it may know by other names. What has a default and is not to be had is
    left out."""
    given = {}
    for name, parameter in inspect.signature(function).parameters.items():
        home = _HOME.get(name, name)
        if home in have:
            given[name] = have[home]
        elif parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            raise TypeError(f"it is not known what to give for the argument {name}")
    return function(**given)


@dataclass
class Args:
    """Settings of an agent and a trainer, also those of other editions."""

    gamma: float = 0.9
    clip_coef: float | None = 0.25
    ent_coef: float = 0.0
    max_steps: int = 3
    lr: float = 0.01
    learning_rate: float = 0.01
    updates_per_rollout: int = 1
    num_envs: int = 2
    env_id: str = "CartPole-v1"
    seed: int = 0
    device: str = "cpu"
    use_wandb: bool = False
    wandb_project_name: str = ""
    wandb_entity: str | None = None
    video_log_freq: int | None = None
    total_timesteps: int = 0
    total_phases: int = 1


def agent(kind: Callable[..., Any], envs: ScriptedEnvs, pi: nn.Module, max_steps: int = 1) -> Any:
    """A VPGAgent of a class."""
    args = Args(max_steps=max_steps, num_envs=envs.num_envs)
    return called(kind, envs=envs, pi=pi, max_steps=max_steps, num_envs=envs.num_envs, args=args, **_REST)


_REST = {"device": torch.device("cpu"), "seed": 0, "gamma": 0.9}


def watched(num_envs: int, obs_size: int, num_actions: int, steps: int = 1, old: bool = False) -> ScriptedEnvs:
    """Environments in which nothing happens: there is nothing to be seen, and nothing to be earned."""
    obs = torch.zeros(steps + 1, num_envs, obs_size).tolist()
    return script(obs, [[0.0] * num_envs] * steps, ["." * num_envs] * steps, num_actions=num_actions, old=old)


def chosen(agent: Any, obs: Any) -> tuple[Tensor, Tensor | None]:
    """The actions of an agent and, if it returns them as well, their log-probabilities."""
    result = agent.get_actions(obs)
    actions, logprobs = result[:2] if isinstance(result, tuple) else (result, None)
    return torch.as_tensor(actions), logprobs


def rollout(agent: Any, max_steps: int) -> Any:
    """A rollout of an agent."""
    return called(agent.gen_rollout, max_steps=max_steps)


def played_by(
    kind: Callable[..., Any], obs: list[Any], rewards: list[Any], ends: list[str], times: int = 1
) -> tuple[Kept, np.ndarray]:
    """The last of several rollouts of a VPGAgent of a class, and the actions that were really taken in it.

    Its environments play a script: obs, (time + 1, env, 2), are its logits too; rewards, (time, env); ends, a text for
    each step, with a letter for each environment, T where it terminates, U where it is truncated.
    """

    def run(old: bool) -> tuple[Kept, np.ndarray]:
        envs = script(obs, rewards, ends, old=old)
        player = agent(kind, envs, Repeats(), len(ends))
        last = [rollout(player, len(ends)) for _ in range(times)][-1]
        return kept(last), np.array(envs.actions[-len(ends) :])

    return as_they_speak(run)


def trainer(kind: Callable[..., Any], pi: nn.Module, **settings: Any) -> Any:
    """A VPGTrainer of a class with this policy, in environments that are not played in; settings are those of Args."""
    args: Any = Args(**settings)
    args.entropy_coef = args.ent_coef  # what some call it
    made = called(kind, args=args, envs=watched(args.num_envs, 2, 2), pi=pi, **_REST)
    for place in (made, getattr(made, "agent", None)):  # a trainer may have made its own policy
        for name, value in list(vars(place).items()) if place is not None else []:
            if isinstance(value, nn.Module):
                setattr(place, name, pi)
    return made


def objective(trainer: Any, tau: Any) -> Tensor:
    """What compute_loss returns, or the first of several things."""
    result = trainer.compute_loss(tau)
    return result[0] if isinstance(result, tuple) else result


# %% What answers import from elsewhere
def set_global_seeds(seed: int) -> None:
    """Seed torch's generator."""
    torch.manual_seed(seed)


def make_env(env_id: str = "CartPole-v1", *_: Any, **__: Any) -> Callable[[], gym.Env]:
    """A function that makes an environment, as vector environments want it."""
    return lambda: gym.make(env_id)
