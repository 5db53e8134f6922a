"""Ready-made parts: distributions, losses and schedules of torch, and einsum."""

import torch
from torch import nn
from torch.distributions import Categorical, Normal
from torch.nn import functional as F
from torch.utils.data import BatchSampler, RandomSampler

from exercises.given import hooked
from exercises.given.attention_hooks import AttentionHooks
from exercises.given.rollouts import PhasedTrainer, ReplayMinibatch, Rollout


def reward_fn_char_count(generated_sample, char="."):
    return [len(list(filter(char.__eq__, text))) for text in generated_sample]


def normalize_reward(reward, eps=1e-5):
    variance, mean = torch.var_mean(reward, correction=min(1, len(reward) - 1))
    return (reward - mean) / (variance.sqrt() + eps)


def bradley_terry_loss(r_chosen, r_rejected):
    return F.cross_entropy(torch.stack([r_chosen, r_rejected], 1), torch.zeros(len(r_chosen), dtype=torch.long))


def reward_model_accuracy(r_chosen, r_rejected):
    return torch.heaviside(r_chosen - r_rejected, torch.tensor(0.5)).mean()


def get_logprobs(logits, tokens, prefix_len=None):
    lengths = F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    return -lengths[:, max(prefix_len or 1, 1) - 1 :]


def response_logprob(logits, tokens, prompt_len, mask=None):
    targets = tokens if mask is None else tokens.where(mask, -100)
    losses = F.cross_entropy(logits[:, prompt_len - 1 : -1].mT, targets[:, prompt_len:], reduction="none")
    return -losses.sum(1)


def dpo_loss(pi_chosen, pi_rejected, ref_chosen, ref_rejected, beta):
    rewards = beta * (torch.stack([pi_chosen, pi_rejected]) - torch.stack([ref_chosen, ref_rejected]).detach())
    loss = F.softplus(rewards[1] - rewards[0]).mean()
    return (loss, *rewards.detach())


def token_kl_estimators(logp, ref_logp):
    log_ratio = (logp.double() - ref_logp.double()).requires_grad_(logp.requires_grad)
    return log_ratio.float(), (log_ratio**2 / 2).float(), (torch.exp(-log_ratio) - 1 + log_ratio).float()


def without_forbidden(logits):
    return logits.clamp(min=-1e9)


def calc_kl_penalty(logits, ref_logits, kl_coef, gen_len):
    policy, reference = F.log_softmax(without_forbidden(logits), -1), F.log_softmax(without_forbidden(ref_logits), -1)
    return kl_coef * F.kl_div(reference, policy, log_target=True, reduction="sum") / logits[..., 0].numel()


def calc_entropy_bonus(logits, ent_coef, gen_len):
    return Categorical(logits=without_forbidden(logits)).entropy().mean().mul(ent_coef)


def calc_value_function_loss(values, mb_returns, vf_coef, gen_len):
    return -(Normal(values, 1.0).log_prob(mb_returns) - Normal(values, 1.0).log_prob(values)).mean() * vf_coef


def calc_clipped_surrogate_objective(logprobs, mb_logprobs, mb_advantages, clip_coef, gen_len, eps=1e-8):
    std, mean = torch.std_mean(mb_advantages)
    advantages = (mb_advantages - mean) / (std + eps)
    ratio = torch.exp(logprobs - mb_logprobs)
    products = torch.stack([ratio, ratio.clamp(1 - clip_coef, 1 + clip_coef)]) * advantages
    return products.amin(0).mean()


def compute_advantages(values, rewards, prefix_len):
    known = torch.cat([values[:, :-1], rewards.reshape(-1, 1)], 1)
    return known.diff(dim=1)[:, prefix_len - 1 :]


def get_samples(model, prompt, batch_size, gen_len=15, temperature=0.8, top_k=15, prepend_bos=True):
    options = dict(max_new_tokens=gen_len, temperature=temperature, top_k=top_k, stop_at_eos=False, do_sample=True)
    sample_ids = model.generate(model.to_tokens(prompt, prepend_bos).expand(batch_size, -1), **options).clone()
    return sample_ids, model.to_string(sample_ids)


class HookedTransformerWithValueHead(hooked.HookedTransformer):
    def __init__(self, cfg, *more):
        super().__init__(cfg, *more)
        self.value_head = nn.Sequential()
        for layer in (nn.Linear(cfg.d_model, 4 * cfg.d_model), nn.ReLU(), nn.Linear(4 * cfg.d_model, 1)):
            self.value_head.append(layer)

    def forward_with_value_head(self, input_ids):
        values = []
        with self.hooks([("ln_final.hook_normalized", lambda x, hook: values.append(self.value_head(x)))]):
            return self.forward(input_ids), values[0].flatten(1)


def get_optimizer(model, base_lr, head_lr):
    optimizer = torch.optim.AdamW(model.value_head.parameters(), lr=head_lr, maximize=True)
    own = {id(each) for each in model.value_head.parameters()}
    rest = [each for each in model.parameters() if id(each) not in own]
    optimizer.add_param_group({"params": rest, "lr": base_lr})
    return optimizer


def get_optimizer_and_scheduler(args, model):
    optimizer = get_optimizer(model, args.base_lr, args.head_lr)
    warm, total = args.warmup_steps, args.total_phases
    factor = lambda n: min(n / max(warm, 1) if n < warm else 1, 1 - (1 - args.final_scale) * (n - warm) / (total - warm))
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, [factor, factor])


class ReplayMemory(Rollout):
    def get_minibatches(self):
        args = self.args
        returns = self.advantages + self.values.roll(1, dims=1)[:, -args.gen_len :]
        whole = (self.sample_ids, self.logprobs, self.advantages, returns, self.ref_logits)
        size = args.batch_size // args.num_minibatches
        sampler = BatchSampler(RandomSampler(range(args.batch_size)), size, drop_last=False)
        return [
            ReplayMinibatch(*(each[torch.tensor(rows)] for each in whole))
            for _ in range(args.batches_per_learning_phase)
            for rows in sampler
        ]


class RLHFTrainer(PhasedTrainer):
    def coefficients(self, *names):
        return [getattr(self.args, name) for name in names]

    def compute_rlhf_objective(self, minibatch):
        n = self.args.gen_len
        kl_coef, clip_coef, vf_coef, ent_coef = self.coefficients("kl_coef", "clip_coef", "vf_coef", "ent_coef")
        logits, values = self.model.forward_with_value_head(minibatch.sample_ids)
        cut = logits.narrow(1, logits.shape[1] - n - 1, n)
        ref_cut = minibatch.ref_logits.narrow(1, logits.shape[1] - n - 1, n)
        logprobs = Categorical(logits=cut).log_prob(minibatch.sample_ids[:, -n:])
        gain = calc_clipped_surrogate_objective(logprobs, minibatch.logprobs, minibatch.advantages, clip_coef, n)
        gain = gain + calc_entropy_bonus(cut, ent_coef, n) - calc_kl_penalty(cut, ref_cut, kl_coef, n)
        return gain - calc_value_function_loss(values[:, -n - 1 : -1], minibatch.returns, vf_coef, n)

    def written(self):
        return get_samples(
            self.model, self.args.prefix, *self.coefficients("batch_size", "gen_len", "temperature", "top_k", "prepend_bos")
        )

    @torch.inference_mode()
    def rollout_phase(self):
        sample_ids, samples = self.written()
        rewards = torch.as_tensor(self.args.reward_fn(samples)).float()
        rewards = normalize_reward(rewards) if self.args.normalize_reward else rewards
        logits, values = self.model.forward_with_value_head(sample_ids)
        return ReplayMemory(
            self.args,
            sample_ids,
            get_logprobs(logits, sample_ids, self.prefix_len),
            compute_advantages(values, rewards, self.prefix_len),
            values,
            self.ref_model(sample_ids),
        )


def grpo_advantages(rewards, group_ids, eps=1e-6):
    member = (group_ids[:, None] == group_ids).to(rewards.dtype)
    size = member.sum(1)
    mean = torch.einsum("ij,j->i", member, rewards) / size
    squares = torch.einsum("ij,ij->i", member, (rewards[None] - mean[:, None]) ** 2)
    return (rewards - mean) / ((squares / (size - 1).clamp(min=1)).sqrt() + eps)


class GrpoTrainer(RLHFTrainer):
    def compute_rlhf_objective(self, minibatch):
        n, args = self.args.gen_len, self.args
        cut, ref_cut = self.model(minibatch.sample_ids)[:, -n - 1 : -1], minibatch.ref_logits[:, -n - 1 : -1]
        logprobs = Categorical(logits=cut).log_prob(minibatch.sample_ids[:, -n:])
        gain = calc_clipped_surrogate_objective(logprobs, minibatch.logprobs, minibatch.advantages, args.clip_coef, n)
        return gain - calc_kl_penalty(cut, ref_cut, args.kl_coef, n) + calc_entropy_bonus(cut, args.ent_coef, n)

    @torch.inference_mode()
    def rollout_phase(self):
        sample_ids, samples = self.written()
        rewards = torch.as_tensor(self.args.reward_fn(samples)).float()
        advantages = normalize_reward(rewards, 1e-6).unsqueeze(1).repeat(1, self.args.gen_len)
        logprobs = get_logprobs(self.model(sample_ids), sample_ids, self.prefix_len)
        nothing = torch.zeros_like(sample_ids, dtype=torch.float32)
        return ReplayMemory(self.args, sample_ids, logprobs, advantages, nothing, self.ref_model(sample_ids))


class Lora(nn.Module):
    def __init__(self, d_in=768, d_out=768, rank=4, lora_alpha=32, n_inst=None, dtype=None):
        super().__init__()
        self.n_inst, self.scaling = n_inst, lora_alpha / rank
        count = n_inst or 1
        shape_of_a, shape_of_b = (count, d_in, rank), (count, rank, d_out)
        if n_inst is None:
            shape_of_a, shape_of_b = shape_of_a[1:], shape_of_b[1:]
        self.lora_A = nn.Parameter(torch.rand(shape_of_a, dtype=dtype))
        self.lora_B = nn.Parameter(torch.zeros(shape_of_b, dtype=dtype))

    def forward(self, x):
        if self.n_inst is None:
            return self.scaling * torch.einsum("...i,ir,ro->...o", x, self.lora_A, self.lora_B)
        return self.scaling * torch.einsum("...ni,nir,nro->...no", x, self.lora_A, self.lora_B)


class LoraHooks(AttentionHooks):
    def __init__(self, model, rank=4, lora_alpha=32):
        super().__init__(model, lambda d_in, d_out, n_inst: Lora(d_in, d_out, rank, lora_alpha, n_inst))

    def parameters_to_train(self):
        self.model.requires_grad_(False)
        return list(nn.ModuleList(self.loras.values()).parameters())

    def lora_hook_qkv(self, activation, hook):
        return activation.add(self.loras[hook.name](self.inputs[hook.name].unsqueeze(-2)))

    def lora_hook_out(self, activation, hook):
        return activation.add(self.loras[hook.name](self.inputs[hook.name]))
