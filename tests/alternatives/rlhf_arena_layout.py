# %%
"""A submission as people have it who worked through ARENA (2025): gen_len, one class with a value head, loose cells."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Literal

import einops
import numpy as np
import torch as t
import torch.nn as nn
import wandb
from eindex import eindex
from IPython.display import display
from jaxtyping import Float, Int
from rich import print as rprint
from rich.table import Table
from tabulate import tabulate
from torch import Tensor
from tqdm import tqdm
from transformer_lens import HookedTransformer, utils
from transformer_lens.hook_points import HookPoint
from transformers import AutoModelForSequenceClassification, AutoTokenizer

chapter = "chapter2_rl"
section = "part4_rlhf"
root_dir = next((p for p in Path.cwd().parents if (p / chapter).exists()), Path.cwd())
exercises_dir = root_dir / chapter / "exercises"
section_dir = exercises_dir / section
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part4_rlhf.tests as tests
from part2_dqn.utils import set_global_seeds
from part3_ppo.utils import set_global_seeds

device = t.device("mps" if t.backends.mps.is_available() else "cuda" if t.cuda.is_available() else "cpu")

MAIN = __name__ == "__main__"

LOW_GPU_MEM = False
BASE_MODEL = "gpt2-small" if LOW_GPU_MEM else "gpt2-medium"


# %%
class HookedTransformerWithValueHead(HookedTransformer):
    """
    Wraps around HookedTransformer, adding a value head.
    """

    value_head: nn.Sequential

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.value_head = nn.Sequential(
            nn.Linear(self.cfg.d_model, 4 * self.cfg.d_model), nn.ReLU(), nn.Linear(4 * self.cfg.d_model, 1)
        )
        self.value_head_output = None

    def run_value_head(self, resid: Float[Tensor, "batch pos d_model"], hook: HookPoint) -> None:
        self.value_head_output = self.value_head(resid).squeeze(-1)

    def forward_with_value_head(
        self, input_ids: Int[Tensor, "batch pos"], **kwargs
    ) -> tuple[Float[Tensor, "batch pos d_vocab"], Float[Tensor, "batch pos"]]:
        logits = self.run_with_hooks(
            input_ids,
            return_type="logits",
            fwd_hooks=[(utils.get_act_name("normalized"), self.run_value_head)],
            **kwargs,
        )
        assert isinstance(logits, Tensor)
        return logits, self.value_head_output


if MAIN:
    model = HookedTransformerWithValueHead.from_pretrained(BASE_MODEL).to(device)
    tests.test_value_head(model)

# %%


@t.no_grad()
def get_samples(
    model: HookedTransformer,
    prompt: str,
    batch_size: int,
    gen_len: int = 15,
    temperature: float = 0.8,
    top_k: int = 15,
    prepend_bos: bool = True,
) -> tuple[Int[Tensor, "batch seq"], list[str]]:
    input_ids = model.to_tokens(prompt, prepend_bos=prepend_bos).squeeze(0)
    input_ids = einops.repeat(input_ids, "seq -> batch seq", batch=batch_size)
    output_ids = model.generate(
        input_ids, max_new_tokens=gen_len, stop_at_eos=False, temperature=temperature, top_k=top_k, verbose=False
    )
    samples = model.to_string(output_ids)
    return output_ids.clone(), samples


sample_ids, samples = get_samples(model, prompt="So long, and thanks for all the", batch_size=5, gen_len=15)

table = Table("Token IDs", "Samples", title="Demo of `sample` function", show_lines=True)

for ids, sample in zip(sample_ids, samples):
    table.add_row(str(ids.tolist()), repr(sample))

rprint(table)


# %%
def reward_fn_char_count(generated_sample: list[str], char: str = ".") -> Float[Tensor, " batch"]:
    return t.tensor([item.count(char) for item in generated_sample], device=device, dtype=t.float)


A = "This is a test."
assert reward_fn_char_count([A]) == 1


def normalize_reward(reward: Float[Tensor, " batch_size"], eps=1e-5) -> Float[Tensor, " batch_size"]:
    return (reward - reward.mean()) / (reward.std() + eps)


tests.test_normalize_reward(normalize_reward)


# %%
@t.no_grad()
def compute_advantages(
    values: Float[Tensor, "minibatch_size seq_len"],
    rewards: Float[Tensor, "minibatch_size"],
    prefix_len: int,
) -> Float[Tensor, "minibatch_size gen_len"]:
    one_step_q_est = t.cat([values[:, prefix_len:-1], rewards[:, None]], dim=-1)
    zero_step_value_est = values[:, prefix_len - 1 : -1]
    advantages = one_step_q_est - zero_step_value_est
    return advantages


def calc_kl_penalty(
    logits: Float[Tensor, "minibatch_size gen_len d_vocab"],
    ref_logits: Float[Tensor, "minibatch_size gen_len d_vocab"],
    kl_coef: float,
    gen_len: int,
) -> Float[Tensor, ""]:
    assert logits.shape[1] == ref_logits.shape[1] == gen_len, "only logits of the generated tokens"
    ref_logprobs = ref_logits.log_softmax(-1)
    logprobs = logits.log_softmax(-1)
    probs = logprobs.exp()
    kl_div = (probs * (logprobs - ref_logprobs)).sum(-1)
    return kl_coef * kl_div.mean()


def calc_entropy_bonus(
    logits: Float[Tensor, "minibatch_size gen_len d_vocab"], ent_coef: float, gen_len: int
) -> Float[Tensor, ""]:
    assert logits.shape[1] == gen_len
    logprobs = logits.log_softmax(dim=-1)
    entropy = -(logprobs.exp() * logprobs).sum(dim=-1)
    return ent_coef * entropy.mean()


def calc_value_function_loss(
    values: Float[Tensor, "minibatch_size gen_len"],
    mb_returns: Float[Tensor, "minibatch_size gen_len"],
    vf_coef: float,
    gen_len: int,
) -> Float[Tensor, ""]:
    assert values.shape[1] == gen_len
    assert mb_returns.shape[1] == gen_len
    return 0.5 * vf_coef * (values - mb_returns).pow(2).mean()


def calc_clipped_surrogate_objective(
    logprobs: Float[Tensor, "minibatch_size gen_len"],
    mb_logprobs: Float[Tensor, "minibatch_size gen_len"],
    mb_advantages: Float[Tensor, "minibatch_size gen_len"],
    clip_coef: float,
    gen_len: int,
    eps: float = 1e-8,
) -> Float[Tensor, ""]:
    assert logprobs.shape[1] == mb_logprobs.shape[1] == mb_advantages.shape[1] == gen_len
    mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    r_theta = t.exp(logprobs - mb_logprobs)
    non_clipped = r_theta * mb_advantages
    clipped = t.clip(r_theta, 1 - clip_coef, 1 + clip_coef) * mb_advantages
    return t.minimum(non_clipped, clipped).mean()


if MAIN:
    tests.test_calc_kl_penalty(calc_kl_penalty)
    tests.test_calc_kl_penalty_stability(calc_kl_penalty)


# %%
def get_logprobs(
    logits: Float[Tensor, "batch seq_len vocab"],
    tokens: Int[Tensor, "batch seq_len"],
    prefix_len: int | None = None,
) -> Float[Tensor, "batch gen_len"]:
    prefix_len = prefix_len or 1
    logprobs = logits[:, prefix_len - 1 : -1].log_softmax(-1)
    correct_tokens = tokens[:, prefix_len:]
    return eindex(logprobs, correct_tokens, "batch seq [batch seq]")


# %%
@dataclass
class RLHFArgs:
    seed: int = 1
    use_wandb: bool = False
    wandb_project_name: str = "RLHF"
    total_phases: int = 100
    batch_size: int = 128
    num_minibatches: int = 4
    batches_per_learning_phase: int = 2
    base_lr: float = 2e-5
    head_lr: float = 5e-4
    max_grad_norm: float = 1.0
    warmup_steps: int = 20
    final_scale: float = 0.1
    clip_coef: float = 0.2
    vf_coef: float = 0.15
    ent_coef: float = 0.001
    base_model: str = BASE_MODEL
    gen_len: int = 30
    temperature: float = 1.0
    top_k: int = 10
    kl_coef: float = 2.5
    reward_fn: Callable = reward_fn_char_count
    normalize_reward: bool = True
    prefix: str = "This is"
    prepend_bos: bool = True

    def __post_init__(self):
        assert self.total_phases > self.warmup_steps
        assert self.batch_size % self.num_minibatches == 0
        self.minibatch_size = self.batch_size // self.num_minibatches


@dataclass
class ReplayMinibatch:
    sample_ids: Float[Tensor, "minibatch_size seq_len"]
    logprobs: Float[Tensor, "minibatch_size gen_len"]
    advantages: Float[Tensor, "minibatch_size gen_len"]
    returns: Float[Tensor, "minibatch_size gen_len"]
    ref_logits: Float[Tensor, "minibatch_size seq_len d_vocab"]


class ReplayMemory:
    def __init__(self, args, sample_ids, logprobs, advantages, values, ref_logits):
        assert ref_logits.ndim == 3
        assert ref_logits.shape[0] == sample_ids.shape[0] == args.batch_size
        assert sample_ids.shape == values.shape == ref_logits.shape[:2]
        assert advantages.shape == logprobs.shape
        self.args = args
        self.sample_ids = sample_ids
        self.logprobs = logprobs
        self.advantages = advantages
        self.values = values
        self.ref_logits = ref_logits

    def get_minibatches(self) -> list[ReplayMinibatch]:
        minibatches = []
        returns = self.advantages + self.values[:, -self.args.gen_len - 1 : -1]
        for _ in range(self.args.batches_per_learning_phase):
            idx = t.randperm(self.args.batch_size).reshape(self.args.num_minibatches, self.args.minibatch_size)
            for indices in idx:
                minibatches.append(
                    ReplayMinibatch(
                        sample_ids=self.sample_ids[indices],
                        logprobs=self.logprobs[indices],
                        advantages=self.advantages[indices],
                        returns=returns[indices],
                        ref_logits=self.ref_logits[indices],
                    )
                )
        return minibatches


# %%
def get_optimizer(model: HookedTransformerWithValueHead, base_lr: float, head_lr: float) -> t.optim.Optimizer:
    base_params = [p for n, p in model.named_parameters() if "value_head" not in n]
    head_params = [p for n, p in model.named_parameters() if "value_head" in n]
    return t.optim.AdamW([{"params": base_params, "lr": base_lr}, {"params": head_params, "lr": head_lr}], maximize=True)


def get_lr_scheduler(warmup_steps, total_steps, final_scale):
    def lr_lambda(step):
        assert step <= total_steps, f"step = {step} past the end"
        if step < warmup_steps:
            return step / warmup_steps
        return 1 - (1 - final_scale) * (step - warmup_steps) / (total_steps - warmup_steps)

    return lr_lambda


def get_optimizer_and_scheduler(args: RLHFArgs, model: HookedTransformerWithValueHead):
    optimizer = get_optimizer(model, args.base_lr, args.head_lr)
    lr_lambda = get_lr_scheduler(args.warmup_steps, args.total_phases, args.final_scale)
    return optimizer, t.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=lr_lambda)


class RLHFTrainer:
    model: HookedTransformerWithValueHead
    ref_model: HookedTransformer
    memory: ReplayMemory

    def __init__(self, args: RLHFArgs):
        set_global_seeds(args.seed)
        self.args = args
        self.run_name = f"{args.wandb_project_name}__seed{args.seed}__{time.strftime('%Y%m%d-%H%M%S')}"
        self.model = HookedTransformerWithValueHead.from_pretrained(args.base_model).to(device).train()
        self.ref_model = HookedTransformer.from_pretrained(args.base_model).to(device).eval()
        self.optimizer, self.scheduler = get_optimizer_and_scheduler(self.args, self.model)
        self.prefix_len = len(self.model.to_str_tokens(self.args.prefix, prepend_bos=self.args.prepend_bos))

    def compute_rlhf_objective(self, minibatch: ReplayMinibatch):
        gen_len_slice = slice(-self.args.gen_len - 1, -1)
        logits, values = self.model.forward_with_value_head(minibatch.sample_ids)
        logprobs = get_logprobs(logits, minibatch.sample_ids, self.prefix_len)
        clipped_surrogate_objective = calc_clipped_surrogate_objective(
            logprobs, minibatch.logprobs, minibatch.advantages, self.args.clip_coef, self.args.gen_len
        )
        value_loss = calc_value_function_loss(
            values[:, gen_len_slice], minibatch.returns, self.args.vf_coef, self.args.gen_len
        )
        entropy_bonus = calc_entropy_bonus(logits[:, gen_len_slice], self.args.ent_coef, self.args.gen_len)
        kl_penalty = calc_kl_penalty(
            logits[:, gen_len_slice], minibatch.ref_logits[:, gen_len_slice], self.args.kl_coef, self.args.gen_len
        )
        total_objective_function = clipped_surrogate_objective - value_loss + entropy_bonus - kl_penalty

        with t.inference_mode():
            logratio = logprobs - minibatch.logprobs
            ratio = logratio.exp()
            clipfracs = [((ratio - 1.0).abs() > self.args.clip_coef).float().mean().item()]
        if self.args.use_wandb:
            wandb.log(dict(total_steps=self.step, clipfrac=np.mean(clipfracs)), step=self.step)
        return total_objective_function

    def rollout_phase(self) -> ReplayMemory:
        sample_ids, samples = get_samples(
            self.model,
            prompt=self.args.prefix,
            batch_size=self.args.batch_size,
            gen_len=self.args.gen_len,
            temperature=self.args.temperature,
            top_k=self.args.top_k,
            prepend_bos=self.args.prepend_bos,
        )
        with t.inference_mode():
            logits, values = self.model.forward_with_value_head(sample_ids)
            ref_logits = self.ref_model(sample_ids)
        logprobs = get_logprobs(logits, sample_ids, self.prefix_len)
        rewards = self.args.reward_fn(samples)
        rewards_mean = rewards.mean().item()
        rewards_normed = normalize_reward(rewards) if self.args.normalize_reward else rewards
        advantages = compute_advantages(values, rewards_normed, self.prefix_len)
        if self.args.use_wandb:
            wandb.log({"mean_reward": rewards_mean}, step=self.step)
        ref_logprobs = get_logprobs(ref_logits, sample_ids, self.prefix_len).sum(-1)
        n_log_samples = min(5, self.args.batch_size)
        table = tabulate([[r.item(), s] for r, s in zip(rewards[:n_log_samples], samples)], ["Reward", "Sample"])
        print(f"Phase {self.phase + 1:03}, mean reward {rewards_mean:.4f}\n{table}\n")
        return ReplayMemory(
            args=self.args,
            sample_ids=sample_ids,
            logprobs=logprobs,
            advantages=advantages,
            values=values,
            ref_logits=ref_logits,
        )

    def learning_phase(self, memory: ReplayMemory) -> None:
        for minibatch in memory.get_minibatches():
            self.optimizer.zero_grad()
            total_objective_function = self.compute_rlhf_objective(minibatch)
            total_objective_function.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=self.args.max_grad_norm)
            self.optimizer.step()
            self.step += 1
        self.scheduler.step()

    def train(self) -> None:
        self.step = 0
        if self.args.use_wandb:
            wandb.init(project=self.args.wandb_project_name, name=self.run_name, config=self.args)
        for self.phase in tqdm(range(self.args.total_phases)):
            memory = self.rollout_phase()
            self.learning_phase(memory)


# %%
args = RLHFArgs(kl_coef=0.0, total_phases=30, warmup_steps=0)
trainer = RLHFTrainer(args)
trainer.train()

# %%
# What came later: group-relative advantages, low-rank adapters, preferences


def grpo_advantages(rewards: Float[Tensor, "batch"], group_ids: Int[Tensor, "batch"], eps: float = 1e-6):
    unique, inverse = t.unique(group_ids, return_inverse=True)
    out = t.empty_like(rewards)
    for i in range(len(unique)):
        idx = (inverse == i).nonzero().squeeze(-1)
        r = rewards[idx]
        out[idx] = (r - r.mean()) / ((r.std() if len(idx) > 1 else 0.0) + eps)
    return out


class GrpoTrainer(RLHFTrainer):
    model: HookedTransformer

    def compute_rlhf_objective(self, minibatch: ReplayMinibatch):
        gen_len_slice = slice(-self.args.gen_len - 1, -1)
        logits = self.model(minibatch.sample_ids)
        logprobs = get_logprobs(logits, minibatch.sample_ids, self.prefix_len)
        clipped_surrogate_objective = calc_clipped_surrogate_objective(
            logprobs, minibatch.logprobs, minibatch.advantages, self.args.clip_coef, self.args.gen_len
        )
        entropy_bonus = calc_entropy_bonus(logits[:, gen_len_slice], self.args.ent_coef, self.args.gen_len)
        kl_penalty = calc_kl_penalty(
            logits[:, gen_len_slice], minibatch.ref_logits[:, gen_len_slice], self.args.kl_coef, self.args.gen_len
        )
        return clipped_surrogate_objective + entropy_bonus - kl_penalty

    def rollout_phase(self) -> ReplayMemory:
        sample_ids, samples = get_samples(
            self.model,
            prompt=self.args.prefix,
            batch_size=self.args.batch_size,
            gen_len=self.args.gen_len,
            temperature=self.args.temperature,
            top_k=self.args.top_k,
            prepend_bos=self.args.prepend_bos,
        )
        with t.inference_mode():
            logits = self.model(sample_ids)
            ref_logits = self.ref_model(sample_ids)
        logprobs = get_logprobs(logits, sample_ids, self.prefix_len)
        rewards = self.args.reward_fn(samples)
        advantages = grpo_advantages(rewards, t.zeros(len(rewards), dtype=t.long))
        advantages = einops.repeat(advantages, "batch -> batch gen_len", gen_len=self.args.gen_len)
        return ReplayMemory(
            args=self.args,
            sample_ids=sample_ids,
            logprobs=logprobs,
            advantages=advantages,
            values=t.zeros(sample_ids.shape),
            ref_logits=ref_logits,
        )


class Lora(nn.Module):
    def __init__(self, d_in=768, d_out=768, rank=4, lora_alpha=32, n_inst=None, dtype=None):
        super().__init__()
        self.n_inst, self.scaling = n_inst, lora_alpha / rank
        inst = () if n_inst is None else (n_inst,)
        self.lora_A = nn.Parameter(t.randn((*inst, rank, d_in), dtype=dtype) / np.sqrt(d_in))
        self.lora_B = nn.Parameter(t.zeros((*inst, d_out, rank), dtype=dtype))

    def forward(self, x):
        pattern = "... d_in, rank d_in -> ... rank" if self.n_inst is None else "... n d_in, n rank d_in -> ... n rank"
        if self.n_inst is not None and x.shape[-2] == 1:
            x = x.expand(*x.shape[:-2], self.n_inst, x.shape[-1])
        down = einops.einsum(x, self.lora_A, pattern)
        pattern = "... rank, d_out rank -> ... d_out" if self.n_inst is None else "... n rank, n d_out rank -> ... n d_out"
        return einops.einsum(down, self.lora_B, pattern) * self.scaling


from exercises.given.attention_hooks import AttentionHooks


class LoraHooks(AttentionHooks):
    def __init__(self, model, rank=4, lora_alpha=32):
        super().__init__(model, lambda d_in, d_out, n_inst: Lora(d_in, d_out, rank, lora_alpha, n_inst))

    def parameters_to_train(self):
        for p in self.model.parameters():
            p.requires_grad_(False)
        return [p for name in self.loras for p in self.loras[name].parameters()]

    def lora_hook_qkv(self, activation, hook):
        x = einops.rearrange(self.inputs[hook.name], "batch seq d_model -> batch seq 1 d_model")
        return activation + self.loras[hook.name](x)

    def lora_hook_out(self, activation, hook):
        return activation + self.loras[hook.name](self.inputs[hook.name])


def bradley_terry_loss(r_chosen, r_rejected):
    return -nn.functional.logsigmoid(r_chosen - r_rejected).mean()


def reward_model_accuracy(r_chosen, r_rejected):
    return ((r_chosen - r_rejected).sign() / 2 + 0.5).mean().item()


def dpo_loss(pi_chosen, pi_rejected, ref_chosen, ref_rejected, beta):
    with t.no_grad():
        ref_logratios = ref_chosen - ref_rejected
    pi_logratios = pi_chosen - pi_rejected
    loss = -nn.functional.logsigmoid(beta * (pi_logratios - ref_logratios)).mean()
    chosen_rewards = beta * (pi_chosen - ref_chosen).detach()
    rejected_rewards = beta * (pi_rejected - ref_rejected).detach()
    return loss, chosen_rewards, rejected_rewards


def token_kl_estimators(logp, ref_logp):
    logr = ref_logp - logp
    return -logr, logr**2 / 2, (logr.exp() - 1) - logr


def response_logprob(logits, tokens, prompt_len, mask=None):
    logprobs = get_logprobs(logits, tokens, prompt_len)
    return (logprobs if mask is None else t.where(mask[:, prompt_len:], logprobs, 0.0)).sum(-1)
