"""What the trainers of the section `rlhf` have in common: settings, rollouts, minibatches, the loop of phases."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


def no_reward(generated_sample: list[str]) -> Tensor:
    """In the place of the reward function that you choose."""
    raise ValueError("RLHFArgs(reward_fn=…) says what texts are worth")


@dataclass
class RLHFArgs:
    """Settings of a trainer. What is fixed by the others is computed: minibatch_size."""

    # What is written
    prefix: str = "This is"  # the prompt that all samples begin with
    prepend_bos: bool = True  # whether the token with which texts begin stands before it
    gen_len: int = 8  # tokens to write after the prompt
    temperature: float = 1.0
    top_k: int = 15
    base_model: str = "toy"

    # What it is worth
    reward_fn: Callable[[list[str]], Tensor] = no_reward
    normalize_reward: bool = True

    # How long, and in which pieces
    seed: int = 1
    total_phases: int = 100
    batch_size: int = 64  # samples of a phase
    num_minibatches: int = 4
    batches_per_learning_phase: int = 2  # how often each sample is learned from

    # The objective
    kl_coef: float = 0.05
    clip_coef: float = 0.2
    vf_coef: float = 0.15
    ent_coef: float = 0.001

    # The optimizer
    base_lr: float = 1e-3
    head_lr: float = 1e-2
    warmup_steps: int = 10
    final_scale: float = 0.1
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        self.minibatch_size = self.batch_size // self.num_minibatches


@dataclass
class ReplayMinibatch:
    """Some of the samples of a rollout. A position of gen_len is that of a token that was generated."""

    sample_ids: Tensor  # (minibatch, seq): the prompt and what was generated
    logprobs: Tensor  # (minibatch, gen_len): of the generated tokens, when they were generated
    advantages: Tensor  # (minibatch, gen_len)
    returns: Tensor  # (minibatch, gen_len): what the value head should have said before each token
    ref_logits: Tensor  # (minibatch, seq, d_vocab): of the reference model

    def __getitem__(self, name: str) -> Any:
        """minibatch["returns"] is minibatch.returns."""
        return getattr(self, name)


@dataclass
class Rollout:
    """The samples of a phase, and what was found out about them."""

    args: Any  # the settings
    sample_ids: Tensor  # (batch, seq): the prompt and what was generated
    logprobs: Tensor  # (batch, gen_len): of the generated tokens
    advantages: Tensor  # (batch, gen_len)
    values: Tensor  # (batch, seq): what the value head says
    ref_logits: Tensor  # (batch, seq, d_vocab): of the reference model


class PhasedTrainer:
    """Writes and learns by turns. What is written, and what is to be maximised, a subclass says.

    Attributes:
        args: the settings.
        model: what is trained.
        ref_model: the model as it was at first. It is never trained.
        optimizer, scheduler: of the model.
        prefix_len: the number of tokens of the prompt args.prefix.
    """

    def __init__(self, args: RLHFArgs, model: Any, ref_model: Any, optimizer: Any, scheduler: Any) -> None:
        self.args, self.model, self.ref_model = args, model, ref_model
        self.optimizer, self.scheduler = optimizer, scheduler
        self.prefix_len = model.to_tokens(args.prefix, prepend_bos=args.prepend_bos).shape[1]

    def rollout_phase(self) -> Any:
        """Write, and find out what it is worth: a ReplayMemory."""
        raise NotImplementedError

    def compute_rlhf_objective(self, minibatch: ReplayMinibatch) -> Tensor:
        """What is to be maximised on a minibatch, a scalar."""
        raise NotImplementedError

    def learning_phase(self, memory: Any) -> None:
        """Go up a step for each minibatch."""
        for minibatch in memory.get_minibatches():
            self.optimizer.zero_grad()
            self.compute_rlhf_objective(minibatch).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.args.max_grad_norm)
            self.optimizer.step()
        self.scheduler.step()

    def train(self) -> None:
        """All phases."""
        for _ in range(self.args.total_phases):
            self.learning_phase(self.rollout_phase())
