# %%
"""As the editions of 2023 and 2024 have it: prefix_len, a module around the model, get_optimizer(args, model) with Adam."""

import os; os.environ["ACCELERATE_DISABLE_RICH"] = "1"
import sys
from pathlib import Path
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import einops
import numpy as np
import torch as t
import torch.nn as nn
import torch.optim as optim
import wandb
from eindex import eindex
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens import utils, HookedTransformer

# Make sure exercises are in the path
chapter = r"chapter2_rl"
exercises_dir = Path(f"{os.getcwd().split(chapter)[0]}/{chapter}/exercises").resolve()
section_dir = exercises_dir / "part4_rlhf"
if str(exercises_dir) not in sys.path: sys.path.append(str(exercises_dir))

import part4_rlhf.tests as tests
import part4_rlhf.solutions as solutions
from part3_ppo.utils import set_global_seeds

device = t.device("cuda" if t.cuda.is_available() else "cpu")

MAIN = __name__ == "__main__"

# %% 1️⃣ SETUP & SAMPLING


class TransformerWithValueHead(nn.Module):
    '''
    Defines a GPT model with a value head (the latter taking the last hidden state as input,
    post-layernorm).
    '''
    base_model: HookedTransformer
    value_head: nn.Sequential

    def __init__(self, base_model: str = "gpt2-medium"):
        super().__init__()
        self.base_model = HookedTransformer.from_pretrained(base_model)
        d_model = self.base_model.cfg.d_model
        self.value_head = nn.Sequential(
            nn.Linear(d_model, 4 * d_model),
            nn.ReLU(),
            nn.Linear(4 * d_model, 1)
        )

    def forward(self, input_ids: Int[Tensor, "batch seq"]) -> Tuple[
        Float[Tensor, "batch seq d_vocab"],
        Int[Tensor, "batch seq"]
    ]:
        value_head_output = None

        def calc_and_store_value_head_output(resid_post, hook):
            nonlocal value_head_output
            value_head_output = self.value_head(resid_post).squeeze(-1)

        logits = self.base_model.run_with_hooks(
            input_ids,
            return_type = "logits",
            fwd_hooks = [
                (utils.get_act_name("normalized"), calc_and_store_value_head_output)
            ]
        )
        return logits, value_head_output


if MAIN:
    model = TransformerWithValueHead().to(device)
    input_ids = t.randint(0, 1000, (1, 10)).to(device)


# %%

@t.no_grad()
def get_samples(base_model: HookedTransformer, prompt: str, batch_size: int, gen_len: int, temperature: float, top_k: int, prepend_bos: bool):
    input_ids = base_model.to_tokens(prompt, prepend_bos=prepend_bos).squeeze(0)
    input_ids = einops.repeat(input_ids, "seq -> batch seq", batch=batch_size)
    output_ids = base_model.generate(
        input_ids,
        max_new_tokens=gen_len,
        stop_at_eos=False,
        temperature=temperature,
        top_k=top_k,
    )
    samples = base_model.to_string(output_ids)
    return output_ids.clone(), samples


def reward_fn_char_count(generated_sample: Union[str, List[str]], char: str = '.') -> Union[float, Float[Tensor, "batch"]]:
    '''
    Reward function, evaluated on the generated samples.
    '''
    if isinstance(generated_sample, str):
        return float(generated_sample.count(char))
    else:
        return t.tensor([item.count(char) for item in generated_sample], device=device)


def normalize_reward(reward: Float[Tensor, "batch_size"], eps=1e-5):
    return (reward - reward.mean()) / (reward.std() + eps)


@t.no_grad()
def compute_advantages(values, rewards, prefix_len: int):
    V = t.cat([values[:, :-1], rewards.unsqueeze(-1)], dim=1)[:, prefix_len - 1:]
    return V[:, 1:] - V[:, :-1]


def calc_kl_penalty(
    logits: Float[Tensor, "minibatch_size seq_len d_vocab"],
    ref_logits: Float[Tensor, "minibatch_size seq_len d_vocab"],
    kl_coef: float,
    prefix_len: int,
) -> Float[Tensor, ""]:
    # logits have shape (minibatch_size, seq_len, d_vocab)
    assert logits.shape[1] == ref_logits.shape[1]
    ref_logits = ref_logits[:, prefix_len - 1 : -1]
    logits = logits[:, prefix_len - 1 : -1]

    ref_logprobs = ref_logits.log_softmax(-1)
    logprobs = logits.log_softmax(-1)
    probs = logprobs.exp()

    kl_div = (probs * (logprobs - ref_logprobs)).sum(-1)
    return kl_coef * kl_div.mean()


def calc_entropy_bonus(logits, ent_coef: float, prefix_len: int):
    logits = logits[:, prefix_len-1:-1]
    logprobs = logits.log_softmax(dim=-1)
    probs = logprobs.exp()
    entropy = - (probs * logprobs).sum(dim=-1)
    return ent_coef * entropy.mean()


def calc_value_function_loss(values, mb_returns, vf_coef: float):
    return vf_coef * (values - mb_returns).pow(2).mean()


def calc_clipped_surrogate_objective(logprobs, mb_logprobs, mb_advantages, clip_coef: float, eps: float = 1e-8):
    logits_diff = logprobs - mb_logprobs
    r_theta = t.exp(logits_diff)
    mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    non_clipped = r_theta * mb_advantages
    clipped = t.clip(r_theta, 1-clip_coef, 1+clip_coef) * mb_advantages
    return t.minimum(non_clipped, clipped).mean()


def get_logprobs(logits, tokens, prefix_len: Optional[int] = None):
    if prefix_len is None: prefix_len = 1
    logprobs = logits.log_softmax(-1)
    return logprobs[:, :-1].gather(2, tokens[:, 1:].unsqueeze(-1)).squeeze(-1)[:, prefix_len - 1:]


# %% 2️⃣ TRAINING

@dataclass
class RLHFTrainingArgs():
    seed: int = 1
    cuda: bool = t.cuda.is_available()
    exp_name: str = "RLHF_Implementation"
    total_phases: int = 200
    batch_size: int = 256
    base_learning_rate: float = 2e-5
    head_learning_rate: float = 5e-4
    prefix: str = "This is"


@dataclass
class ReplayMinibatch:
    sample_ids: Float[Tensor, "minibatch_size seq_len"]
    logprobs: Float[Tensor, "minibatch_size gen_len"]
    advantages: Float[Tensor, "minibatch_size gen_len"]
    returns: Float[Tensor, "minibatch_size gen_len"]
    ref_logits: Float[Tensor, "minibatch_size seq_len d_vocab"]


class ReplayMemory():
    def __init__(self, args: RLHFTrainingArgs, sample_ids, logprobs, advantages, values, ref_logits):
        self.args = args
        self.sample_ids = sample_ids
        self.logprobs = logprobs
        self.advantages = advantages
        self.values = values
        self.ref_logits = ref_logits

    def get_minibatches(self) -> List[ReplayMinibatch]:
        minibatches = []
        returns = self.advantages + self.values[:, -self.args.gen_len-1:-1]
        for _ in range(self.args.batches_per_learning_phase):
            idx = np.random.permutation(self.args.batch_size).reshape(-1, self.args.minibatch_size)
            for indexes in idx:
                minibatches.append(
                    ReplayMinibatch(
                        sample_ids = self.sample_ids[indexes],
                        logprobs = self.logprobs[indexes],
                        advantages = self.advantages[indexes],
                        returns = returns[indexes],
                        ref_logits = self.ref_logits[indexes],
                    )
                )
        return minibatches


def get_optimizer(args: RLHFTrainingArgs, model: TransformerWithValueHead) -> optim.Optimizer:
    return optim.Adam([
        {"params": model.base_model.parameters(), "lr": args.base_learning_rate, "maximize": True},
        {"params": model.value_head.parameters(), "lr": args.head_learning_rate, "maximize": True},
    ], maximize=True)


def get_lr_scheduler(warmup_steps, total_steps, final_scale):
    def lr_lambda(step):
        if step < warmup_steps:
            return step / warmup_steps
        else:
            return 1 - (1 - final_scale) * (step - warmup_steps) / (total_steps - warmup_steps)
    return lr_lambda


def get_optimizer_and_scheduler(args, model):
    optimizer = get_optimizer(args, model)
    lr_lambda = get_lr_scheduler(args.warmup_steps, args.total_phases, args.final_scale)
    return optimizer, optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=lr_lambda)


class RLHFTrainer:
    def __init__(self, args: RLHFTrainingArgs):
        t.manual_seed(args.seed)
        self.args = args
        self.model = TransformerWithValueHead(args.base_model).to(device).train()
        self.ref_model = HookedTransformer.from_pretrained(args.base_model).to(device).eval()
        self.optimizer, self.scheduler = get_optimizer_and_scheduler(self.args, self.model)
        self.prefix_len = len(self.model.base_model.to_str_tokens(self.args.prefix, prepend_bos=self.args.prepend_bos))

    def compute_rlhf_objective(self, minibatch: ReplayMinibatch):
        logits, values = self.model(minibatch.sample_ids)
        values = values[:, self.prefix_len - 1 : -1]
        logprobs = get_logprobs(logits, minibatch.sample_ids, self.prefix_len)

        kl_penalty = calc_kl_penalty(logits, minibatch.ref_logits, self.args.kl_coef, self.prefix_len)
        entropy_bonus = calc_entropy_bonus(logits, self.args.ent_coef, self.prefix_len)
        clipped = calc_clipped_surrogate_objective(logprobs, minibatch.logprobs, minibatch.advantages, self.args.clip_coef)
        value_loss = calc_value_function_loss(values, minibatch.returns, self.args.vf_coef)
        ppo_objective_fn = clipped - value_loss + entropy_bonus
        total_objective_function = ppo_objective_fn - kl_penalty

        if self.args.use_wandb: wandb.log(dict(total_steps = self.step), step = self.step)
        return total_objective_function

    def rollout_phase(self) -> ReplayMemory:
        sample_ids, samples = get_samples(
            self.model.base_model,
            prompt = self.args.prefix,
            batch_size = self.args.batch_size,
            gen_len = self.args.gen_len,
            temperature = self.args.temperature,
            top_k = self.args.top_k,
            prepend_bos = self.args.prepend_bos,
        )
        with t.inference_mode():
            logits, values = self.model(sample_ids)
            ref_logits = self.ref_model(sample_ids)
        logprobs = get_logprobs(logits, sample_ids, self.prefix_len)
        rewards = self.args.reward_fn(samples)
        if self.args.normalize_reward: rewards = normalize_reward(rewards)
        advantages = compute_advantages(values, rewards, self.prefix_len)
        print("Mean reward:", rewards.mean().item(), "first sample:", samples[0])
        return ReplayMemory(self.args, sample_ids, logprobs, advantages, values, ref_logits)

    def learning_phase(self, memory: ReplayMemory) -> None:
        for minibatch in memory.get_minibatches():
            self.optimizer.zero_grad()
            self.compute_rlhf_objective(minibatch).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=self.args.max_grad_norm)
            self.optimizer.step()
        self.scheduler.step()


if MAIN:
    args = RLHFTrainingArgs(exp_name="no-kl")
    trainer = RLHFTrainer(args)
    trainer.train()

# %% 3️⃣ WHAT IS NOT IN THAT EDITION


def grpo_advantages(rewards, group_ids, eps=1e-6):
    out = t.zeros(len(rewards))
    for g in set(group_ids.tolist()):
        mask = group_ids == g
        r = rewards[mask]
        if mask.sum() > 1: out[mask] = (r - r.mean()) / (r.std() + eps)
    return out


class GrpoTrainer(RLHFTrainer):
    def compute_rlhf_objective(self, minibatch):
        logits = self.model(minibatch.sample_ids)
        logprobs = get_logprobs(logits, minibatch.sample_ids, self.prefix_len)
        objective = calc_clipped_surrogate_objective(logprobs, minibatch.logprobs, minibatch.advantages, self.args.clip_coef)
        objective += calc_entropy_bonus(logits, self.args.ent_coef, self.prefix_len)
        objective -= calc_kl_penalty(logits, minibatch.ref_logits, self.args.kl_coef, self.prefix_len)
        return objective

    def rollout_phase(self):
        a = self.args
        sample_ids, samples = get_samples(self.model, a.prefix, a.batch_size, a.gen_len, a.temperature, a.top_k, a.prepend_bos)
        with t.inference_mode():
            logprobs = get_logprobs(self.model(sample_ids), sample_ids, self.prefix_len)
            ref_logits = self.ref_model(sample_ids)
        rewards = a.reward_fn(samples)
        advantages = grpo_advantages(rewards, t.zeros(a.batch_size).long()).unsqueeze(-1).repeat(1, a.gen_len)
        return ReplayMemory(a, sample_ids, logprobs, advantages, t.zeros_like(sample_ids).float(), ref_logits)


class Lora(nn.Module):
    def __init__(self, d_in=768, d_out=768, rank=4, lora_alpha=32, n_inst=None, dtype=None):
        super().__init__()
        n = n_inst or 1
        self.squeeze = n_inst is None
        self.alpha_over_rank = lora_alpha / rank
        A, B = t.randn(n, d_in, rank, dtype=dtype) * 0.02, t.zeros(n, rank, d_out, dtype=dtype)
        self.A = nn.Parameter(A[0] if self.squeeze else A)
        self.B = nn.Parameter(B[0] if self.squeeze else B)

    def forward(self, x):
        if self.squeeze: return self.alpha_over_rank * ((x @ self.A) @ self.B)
        return self.alpha_over_rank * (x.unsqueeze(-2) @ (self.A @ self.B)).squeeze(-2)


from exercises.given.attention_hooks import AttentionHooks


class LoraHooks(AttentionHooks):
    def __init__(self, model, rank=4, lora_alpha=32):
        super().__init__(model, lambda d_in, d_out, n_inst: Lora(d_in, d_out, rank, lora_alpha, n_inst))

    def parameters_to_train(self):
        for p in self.model.parameters(): p.requires_grad = False
        return sum((list(lora.parameters()) for lora in self.loras.values()), [])

    def lora_hook_qkv(self, q, hook):
        return q + self.loras[hook.name](self.inputs[hook.name][:, :, None, :])

    def lora_hook_out(self, attn_out, hook):
        return attn_out + self.loras[hook.name](self.inputs[hook.name])


def bradley_terry_loss(r_chosen, r_rejected):
    return t.log(1 + t.exp(r_rejected - r_chosen)).mean()


def reward_model_accuracy(r_chosen, r_rejected):
    return (r_chosen > r_rejected).float().mean() + 0.5 * (r_chosen == r_rejected).float().mean()


def dpo_loss(pi_chosen, pi_rejected, ref_chosen, ref_rejected, beta):
    chosen_r = beta * (pi_chosen - ref_chosen.detach())
    rejected_r = beta * (pi_rejected - ref_rejected.detach())
    return -t.sigmoid(chosen_r - rejected_r).log().mean(), chosen_r, rejected_r


def token_kl_estimators(logp, ref_logp):
    ratio = t.exp(ref_logp - logp)
    return logp - ref_logp, (logp - ref_logp) ** 2 / 2, ratio - 1 - (ref_logp - logp)


def response_logprob(logits, tokens, prompt_len, mask=None):
    logprobs = get_logprobs(logits, tokens, prompt_len)
    if mask is not None: logprobs = logprobs * mask[:, prompt_len:]
    return logprobs.sum(-1)
