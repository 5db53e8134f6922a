"""What goes from part to part of the section `ppo`: the settings of a run, and minibatches of steps to learn from."""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class PPOArgs:
    """Settings, with values that suit CartPole. A phase is a rollout and the learning from it."""

    env_id: str = "CartPole-v1"
    seed: int = 0
    num_envs: int = 8
    num_steps_per_rollout: int = 32  # in each of the environments
    total_phases: int = 230
    num_minibatches: int = 4  # into which the batch of a rollout is divided
    batches_per_learning_phase: int = 4  # how many times the whole batch is learned from
    lr: float = 2.5e-3
    max_grad_norm: float = 0.5
    gamma: float = 0.98
    gae_lambda: float = 0.9
    clip_coef: float = 0.2
    ent_coef: float = 0.01
    vf_coef: float = 0.5

    @property
    def batch_size(self) -> int:
        """How many steps a rollout has in all environments together."""
        return self.num_envs * self.num_steps_per_rollout

    @property
    def minibatch_size(self) -> int:
        """How many of them are learned from at once."""
        return self.batch_size // self.num_minibatches


@dataclass
class ReplayMinibatch:
    """Some steps to learn from. Which environment they come from, and when they were made, no longer matters."""

    obs: Tensor  # (m, *obs_shape)
    actions: Tensor  # (m, *action_shape), whole numbers unless actions are continuous
    logprobs: Tensor  # (m,)
    advantages: Tensor  # (m,)
    returns: Tensor  # (m,)
    terminated: Tensor  # (m,)
