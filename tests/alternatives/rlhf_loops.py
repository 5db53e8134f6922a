"""Loops over samples, positions and tokens, with nothing from torch.nn.functional."""

import math

import torch
from torch import nn

from exercises.given.attention_hooks import AttentionHooks
from exercises.given.hooked import HookedTransformer
from exercises.given.rollouts import PhasedTrainer, ReplayMinibatch, Rollout


def reward_fn_char_count(generated_sample, char="."):
    counts = []
    for text in generated_sample:
        count = 0
        for each in text:
            count += each == char
        counts.append(count)
    return torch.tensor(counts)


def normalize_reward(reward, eps=1e-5):
    mean = sum(reward.tolist()) / len(reward)
    squares = sum((each - mean) ** 2 for each in reward.tolist())
    std = math.sqrt(squares / (len(reward) - 1)) if len(reward) > 1 else 0.0
    return torch.stack([(each - mean) / (std + eps) for each in reward])


def log_sigmoid(x):
    return torch.minimum(x, torch.zeros(())) - torch.log1p(torch.exp(-abs(x)))


def bradley_terry_loss(r_chosen, r_rejected):
    total = 0.0
    for better, worse in zip(r_chosen, r_rejected):
        total = total - log_sigmoid(better - worse)
    return total / len(r_chosen)


def reward_model_accuracy(r_chosen, r_rejected):
    points = 0
    for better, worse in zip(r_chosen.tolist(), r_rejected.tolist()):
        points += 2 if better > worse else 1 if better == worse else 0
    return points / 2 / len(r_chosen)


def log_probability(row, token):
    return row[token] - torch.logsumexp(row, 0)


def get_logprobs(logits, tokens, prefix_len=None):
    start = prefix_len if prefix_len else 1
    return torch.stack([
        torch.stack([log_probability(logits[b, t - 1], tokens[b, t]) for t in range(start, tokens.shape[1])])
        for b in range(len(tokens))
    ])


def response_logprob(logits, tokens, prompt_len, mask=None):
    sums = []
    for b in range(len(tokens)):
        total = logits[b, 0, 0] * 0 if torch.isfinite(logits[b, 0, 0]) else torch.zeros(())
        for t in range(prompt_len, tokens.shape[1]):
            if mask is None or mask[b, t]:
                total = total + log_probability(logits[b, t - 1], tokens[b, t])
        sums.append(total)
    return torch.stack(sums)


def dpo_loss(pi_chosen, pi_rejected, ref_chosen, ref_rejected, beta):
    with torch.no_grad():
        ref_chosen, ref_rejected = ref_chosen * 1, ref_rejected * 1
    margins = (pi_chosen - pi_rejected) - (ref_chosen - ref_rejected)
    loss = -sum(log_sigmoid(beta * margin) for margin in margins) / len(margins)
    return loss, beta * pi_chosen - beta * ref_chosen, beta * pi_rejected - beta * ref_rejected


def token_kl_estimators(logp, ref_logp):
    return logp - ref_logp, 0.5 * (logp - ref_logp).pow(2), torch.special.expm1(ref_logp - logp) + (logp - ref_logp)


def rows_of(logits):
    return [row for sample in logits for row in sample]


def calc_kl_penalty(logits, ref_logits, kl_coef, gen_len):
    total = 0.0
    for row, ref_row in zip(rows_of(logits), rows_of(ref_logits)):
        allowed = row.softmax(0) > 0
        p = (row - torch.logsumexp(row, 0))[allowed]
        q = (ref_row - torch.logsumexp(ref_row, 0))[allowed]
        total = total + (p.exp() * (p - q)).sum()
    return kl_coef * total / len(rows_of(logits))


def calc_entropy_bonus(logits, ent_coef, gen_len):
    total = 0.0
    for row in rows_of(logits):
        p = (row - torch.logsumexp(row, 0))[row.softmax(0) > 0]
        total = total - (p.exp() * p).sum()
    return ent_coef * total / len(rows_of(logits))


def calc_value_function_loss(values, mb_returns, vf_coef, gen_len):
    wrong = [(value - target) ** 2 for value, target in zip(values.flatten(), mb_returns.flatten())]
    return vf_coef * sum(wrong) / len(wrong) / 2


def calc_clipped_surrogate_objective(logprobs, mb_logprobs, mb_advantages, clip_coef, gen_len, eps=1e-8):
    flat = mb_advantages.flatten()
    mean = flat.sum() / len(flat)
    std = ((flat - mean) ** 2).sum().div(len(flat) - 1).sqrt()
    total = 0.0
    for new, old, advantage in zip(logprobs.flatten(), mb_logprobs.flatten(), flat):
        advantage = (advantage - mean) / (std + eps)
        ratio = torch.exp(new - old)
        if advantage > 0:
            total = total + torch.clamp(ratio, max=1 + clip_coef) * advantage
        else:
            total = total + torch.clamp(ratio, min=1 - clip_coef) * advantage
    return total / len(flat)


def compute_advantages(values, rewards, prefix_len):
    seq = values.shape[1]
    out = torch.zeros(len(values), seq - prefix_len)
    for b in range(len(values)):
        for t in range(prefix_len, seq):
            out[b, t - prefix_len] = (rewards[b] if t == seq - 1 else values[b, t]) - values[b, t - 1]
    return out


def get_samples(model, prompt, batch_size, gen_len=15, temperature=0.8, top_k=15, prepend_bos=True):
    tokens = model.to_tokens([prompt] * batch_size, prepend_bos=prepend_bos)
    written = model.generate(
        tokens, max_new_tokens=gen_len, stop_at_eos=False, temperature=temperature, top_k=top_k
    )
    sample_ids = torch.tensor(written.tolist())
    return sample_ids, [model.to_string(row) for row in sample_ids]


class HookedTransformerWithValueHead(HookedTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        width = self.cfg.d_model
        layers = [nn.Linear(width, width * 4), nn.ReLU(), nn.Linear(width * 4, 1)]
        self.value_head = nn.Sequential(*layers)

    def forward_with_value_head(self, input_ids):
        seen = []
        point = self.ln_final.hook_normalized
        point.add_hook(lambda value, hook: seen.append(value))
        logits = self(input_ids)
        point.remove_hooks()
        return logits, self.value_head(seen[0]).squeeze(-1)


def get_optimizer(model, base_lr, head_lr):
    head, base = [], []
    for name, parameter in model.named_parameters():
        (head if name.startswith("value_head") else base).append(parameter)
    return torch.optim.Adam(
        [{"params": head, "lr": head_lr, "maximize": True}, {"params": base, "lr": base_lr, "maximize": True}]
    )


def get_optimizer_and_scheduler(args, model):
    optimizer = get_optimizer(model, args.base_lr, args.head_lr)
    factors = [n / args.warmup_steps for n in range(args.warmup_steps)]
    steps = args.total_phases - args.warmup_steps
    factors += [1 + (args.final_scale - 1) * n / steps for n in range(steps + 2)]
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: factors[n])


class ReplayMemory(Rollout):
    def get_minibatches(self):
        found = []
        size = self.args.batch_size // self.args.num_minibatches
        for _ in range(self.args.batches_per_learning_phase):
            order = torch.randperm(self.args.batch_size).tolist()
            while order:
                rows, order = order[:size], order[size:]
                before = torch.stack([self.values[row, -self.args.gen_len - 1 : -1] for row in rows])
                found.append(
                    ReplayMinibatch(
                        sample_ids=self.sample_ids[rows],
                        logprobs=self.logprobs[rows],
                        advantages=self.advantages[rows],
                        returns=before + self.advantages[rows],
                        ref_logits=self.ref_logits[rows],
                    )
                )
        return found


class RLHFTrainer(PhasedTrainer):
    def compute_rlhf_objective(self, minibatch):
        args, tokens, start = self.args, minibatch.sample_ids, self.prefix_len - 1
        logits, values = self.model.forward_with_value_head(tokens)
        parts = [
            calc_clipped_surrogate_objective(
                get_logprobs(logits, tokens, self.prefix_len),
                minibatch.logprobs,
                minibatch.advantages,
                args.clip_coef,
                args.gen_len,
            ),
            -calc_value_function_loss(values[:, start:-1], minibatch.returns, args.vf_coef, args.gen_len),
            calc_entropy_bonus(logits[:, start:-1], args.ent_coef, args.gen_len),
            -calc_kl_penalty(logits[:, start:-1], minibatch.ref_logits[:, start:-1], args.kl_coef, args.gen_len),
        ]
        return sum(parts)

    @torch.no_grad()
    def rollout_phase(self):
        args = self.args
        names = ("batch_size", "gen_len", "temperature", "top_k", "prepend_bos")
        sample_ids, samples = get_samples(self.model, args.prefix, **{name: getattr(args, name) for name in names})
        logits, values = self.model.forward_with_value_head(sample_ids)
        rewards = args.reward_fn(samples)
        if args.normalize_reward:
            rewards = normalize_reward(rewards)
        return ReplayMemory(
            args=args,
            sample_ids=sample_ids,
            logprobs=get_logprobs(logits, sample_ids, self.prefix_len),
            advantages=compute_advantages(values, rewards, self.prefix_len),
            values=values,
            ref_logits=self.ref_model(sample_ids),
        )


def grpo_advantages(rewards, group_ids, eps=1e-6):
    out = []
    for reward, group in zip(rewards.tolist(), group_ids.tolist()):
        own = [other for other, name in zip(rewards.tolist(), group_ids.tolist()) if name == group]
        mean = sum(own) / len(own)
        std = math.sqrt(sum((each - mean) ** 2 for each in own) / max(len(own) - 1, 1))
        out.append((reward - mean) / (std + eps))
    return torch.tensor(out)


class GrpoTrainer(RLHFTrainer):
    def compute_rlhf_objective(self, minibatch):
        args, tokens, start = self.args, minibatch.sample_ids, self.prefix_len - 1
        logits = self.model(tokens)
        ratio = (get_logprobs(logits, tokens, self.prefix_len) - minibatch.logprobs).exp()
        kept = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
        surrogate = torch.minimum(ratio * minibatch.advantages, kept * minibatch.advantages).mean()  # as they are
        surrogate = surrogate + calc_entropy_bonus(logits[:, start:-1], args.ent_coef, args.gen_len)
        ref_logits = minibatch.ref_logits[:, start:-1]
        return surrogate - calc_kl_penalty(logits[:, start:-1], ref_logits, args.kl_coef, args.gen_len)

    @torch.no_grad()
    def rollout_phase(self):
        args = self.args
        names = ("batch_size", "gen_len", "temperature", "top_k", "prepend_bos")
        sample_ids, samples = get_samples(self.model, args.prefix, **{name: getattr(args, name) for name in names})
        rewards = torch.as_tensor(args.reward_fn(samples))
        worth = grpo_advantages(rewards, torch.full((len(rewards),), 5))
        return ReplayMemory(
            args=args,
            sample_ids=sample_ids,
            logprobs=get_logprobs(self.model(sample_ids), sample_ids, self.prefix_len),
            advantages=torch.stack([worth] * args.gen_len, dim=1),
            values=torch.zeros(len(sample_ids), sample_ids.shape[1]),
            ref_logits=self.ref_model(sample_ids),
        )


class Lora(nn.Module):
    def __init__(self, d_in=768, d_out=768, rank=4, lora_alpha=32, n_inst=None, dtype=None):
        super().__init__()
        inst = [] if n_inst is None else [n_inst]
        self.lora_A = nn.Parameter(torch.empty(*inst, rank, d_in, dtype=dtype))
        self.lora_B = nn.Parameter(torch.zeros(*inst, d_out, rank, dtype=dtype))
        nn.init.kaiming_uniform_(self.lora_A)
        self.rank, self.lora_alpha = rank, lora_alpha

    def forward(self, x):
        if self.lora_A.ndim == 2:
            return x @ self.lora_A.T @ self.lora_B.T * self.lora_alpha / self.rank
        n_inst = len(self.lora_A)
        outs = []
        for i in range(n_inst):
            own = x[..., i if x.shape[-2] == n_inst else 0, :]
            outs.append(own @ self.lora_A[i].T @ self.lora_B[i].T)
        return torch.stack(outs, dim=-2) * (self.lora_alpha / self.rank)


class LoraHooks(AttentionHooks):
    def __init__(self, model, rank=4, lora_alpha=32):
        super().__init__(model, lambda d_in, d_out, n_inst: Lora(d_in, d_out, rank, lora_alpha, n_inst))

    def parameters_to_train(self):
        for parameter in self.model.parameters():
            parameter.requires_grad = False
        found = []
        for lora in self.loras.values():
            found += list(lora.parameters())
        return found

    def lora_hook_qkv(self, activation, hook):
        n_heads = activation.shape[2]
        x = torch.stack([self.inputs[hook.name]] * n_heads, dim=2)
        return self.loras[hook.name](x) + activation

    def lora_hook_out(self, activation, hook):
        x = self.inputs[hook.name]
        return self.loras[hook.name](x) + activation
