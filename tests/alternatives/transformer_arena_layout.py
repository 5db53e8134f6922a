# %%
"""A submission as people have it who worked through ARENA: its layout, GPT-2 from a hub, loose cells, main blocks."""

import math
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import datasets
import einops
import numpy as np
import torch as t
import torch.nn as nn
import wandb
from jaxtyping import Float, Int
from rich import print as rprint
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.notebook import tqdm
from transformer_lens import HookedTransformer
from transformer_lens.utils import gelu_new, tokenize_and_concatenate
from transformers import PreTrainedTokenizerFast
from transformers.models.gpt2.tokenization_gpt2_fast import GPT2TokenizerFast

device = t.device("mps" if t.backends.mps.is_available() else "cuda" if t.cuda.is_available() else "cpu")

chapter = "chapter1_transformer_interp"
section = "part1_transformer_from_scratch"
root_dir = next(p for p in Path.cwd().parents if (p / chapter).exists())
exercises_dir = root_dir / chapter / "exercises"
section_dir = exercises_dir / section
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part1_transformer_from_scratch.solutions as solutions
import part1_transformer_from_scratch.tests as tests
from plotly_utils import imshow

MAIN = __name__ == "__main__"

# %%
if MAIN:
    reference_gpt2 = HookedTransformer.from_pretrained(
        "gpt2-small", fold_ln=False, center_unembed=False, center_writing_weights=False, device=device
    )
    print(list(reference_gpt2.tokenizer.vocab)[:5])
    reference_text = "Once there was a model that had read everything."
    tokens = reference_gpt2.to_tokens(reference_text).to(device)
    logits, cache = reference_gpt2.run_with_cache(tokens, device=device)


# %%
@dataclass
class Config:
    d_model: int = 768
    debug: bool = True
    layer_norm_eps: float = 1e-5
    d_vocab: int = 50257
    init_range: float = 0.02
    n_ctx: int = 1024
    d_head: int = 64
    d_mlp: int = 3072
    n_heads: int = 12
    n_layers: int = 12


cfg = Config()
print(cfg)


class LayerNorm(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.w = nn.Parameter(t.ones(cfg.d_model))
        self.b = nn.Parameter(t.zeros(cfg.d_model))

    def forward(self, residual: Float[Tensor, "batch posn d_model"]) -> Float[Tensor, "batch posn d_model"]:
        var, mean = t.var_mean(residual, dim=-1, keepdim=True, correction=0)
        scale = t.rsqrt(var + self.cfg.layer_norm_eps)
        if self.cfg.debug:
            print("residual:", residual.shape, "scale:", scale.shape)
        return t.addcmul(self.b, (residual - mean) * scale, self.w)


if MAIN:
    tests.rand_float_test(LayerNorm, [2, 4, 768])
    tests.test_layer_norm_epsilon(LayerNorm, cache["resid_post", 11])


class Embed(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.W_E = nn.Parameter(t.empty((cfg.d_vocab, cfg.d_model)))
        nn.init.normal_(self.W_E, std=self.cfg.init_range)

    def forward(self, tokens: Int[Tensor, "batch position"]) -> Float[Tensor, "batch position d_model"]:
        if self.cfg.debug:
            print("tokens:", tokens.shape)
        return self.W_E[tokens, :]


class PosEmbed(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.W_pos = nn.Parameter(t.empty((cfg.n_ctx, cfg.d_model)))
        nn.init.normal_(self.W_pos, std=self.cfg.init_range)

    def forward(self, tokens):
        batch, seq_len = tokens.shape
        return einops.repeat(self.W_pos[:seq_len], "seq d_model -> batch seq d_model", batch=batch)


# %%
class Attention(nn.Module):
    IGNORE: Float[Tensor, ""]

    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.W_Q = nn.Parameter(t.empty((cfg.n_heads, cfg.d_model, cfg.d_head)))
        self.W_K = nn.Parameter(t.empty((cfg.n_heads, cfg.d_model, cfg.d_head)))
        self.W_V = nn.Parameter(t.empty((cfg.n_heads, cfg.d_model, cfg.d_head)))
        self.W_O = nn.Parameter(t.empty((cfg.n_heads, cfg.d_head, cfg.d_model)))
        self.b_Q = nn.Parameter(t.zeros((cfg.n_heads, cfg.d_head)))
        self.b_K = nn.Parameter(t.zeros((cfg.n_heads, cfg.d_head)))
        self.b_V = nn.Parameter(t.zeros((cfg.n_heads, cfg.d_head)))
        self.b_O = nn.Parameter(t.zeros((cfg.d_model)))
        for weight in (self.W_Q, self.W_K, self.W_V, self.W_O):
            nn.init.normal_(weight, std=self.cfg.init_range)
        self.register_buffer("IGNORE", t.tensor(-1e5, dtype=t.float32, device=device))

    def forward(self, normalized_resid_pre: Float[Tensor, "batch posn d_model"]):
        def project(W, b):
            return einops.einsum(normalized_resid_pre, W, "b p d, n d h -> b n p h") + einops.rearrange(b, "n h -> n 1 h")

        q, k, v = project(self.W_Q, self.b_Q), project(self.W_K, self.b_K), project(self.W_V, self.b_V)
        scores = self.apply_causal_mask(t.matmul(q, einops.rearrange(k, "b n p h -> b n h p")) / math.sqrt(q.size(-1)))
        per_head = t.matmul(t.matmul(nn.functional.softmax(scores, dim=-1), v), self.W_O)  # b n p d
        return einops.reduce(per_head, "b n p d -> b p d", "sum") + self.b_O

    def apply_causal_mask(self, attn_scores: Float[Tensor, "batch n_heads query_pos key_pos"]):
        q_len, k_len = attn_scores.shape[2:]
        hidden = t.ones((q_len, k_len), dtype=t.bool, device=attn_scores.device).triu_(1)
        return attn_scores.masked_fill_(hidden, self.IGNORE)  # in place


if MAIN:
    tests.test_causal_mask(Attention.apply_causal_mask)


class MLP(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.W_in = nn.Parameter(t.empty((cfg.d_model, cfg.d_mlp)))
        self.W_out = nn.Parameter(t.empty((cfg.d_mlp, cfg.d_model)))
        self.b_in = nn.Parameter(t.zeros((cfg.d_mlp)))
        self.b_out = nn.Parameter(t.zeros((cfg.d_model)))
        nn.init.normal_(self.W_in, std=self.cfg.init_range)
        nn.init.normal_(self.W_out, std=self.cfg.init_range)

    def forward(self, normalized_resid_mid):
        pre = einops.einsum(normalized_resid_mid, self.W_in, "batch pos d_model, d_model d_mlp -> batch pos d_mlp")
        post = gelu_new(pre + self.b_in)
        return einops.einsum(post, self.W_out, "batch pos d_mlp, d_mlp d_model -> batch pos d_model") + self.b_out


class TransformerBlock(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.ln1 = LayerNorm(cfg)
        self.attn = Attention(cfg)
        self.ln2 = LayerNorm(cfg)
        self.mlp = MLP(cfg)

    def forward(self, resid_pre):
        resid_mid = self.attn(self.ln1(resid_pre)) + resid_pre
        resid_post = self.mlp(self.ln2(resid_mid)) + resid_mid
        return resid_post


class Unembed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.W_U = nn.Parameter(t.empty((cfg.d_model, cfg.d_vocab)))
        nn.init.normal_(self.W_U, std=self.cfg.init_range)
        self.b_U = nn.Parameter(t.zeros((cfg.d_vocab), requires_grad=False))

    def forward(self, normalized_resid_final):
        return (
            einops.einsum(normalized_resid_final, self.W_U, "batch posn d_model, d_model d_vocab -> batch posn d_vocab")
            + self.b_U
        )


class DemoTransformer(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.embed = Embed(cfg)
        self.pos_embed = PosEmbed(cfg)
        self.blocks = nn.ModuleList([TransformerBlock(cfg) for _ in range(cfg.n_layers)])
        self.ln_final = LayerNorm(cfg)
        self.unembed = Unembed(cfg)

    def forward(self, tokens):
        residual = self.embed(tokens) + self.pos_embed(tokens)
        for i in range(self.cfg.n_layers):
            residual = self.blocks[i](residual)
        return self.unembed(self.ln_final(residual))


# %%
if MAIN:
    demo_gpt2 = DemoTransformer(Config(d_vocab=500, n_layers=2, debug=False)).to(device)
    demo_gpt2.load_state_dict(reference_gpt2.state_dict(), strict=False)
    demo_logits = demo_gpt2(tokens)


def get_log_probs(logits, tokens):
    scores, targets = logits[:, :-1].log_softmax(-1), tokens[:, 1:]
    batch_idx = einops.repeat(t.arange(targets.size(0)), "b -> b s", s=targets.size(1))
    seq_idx = einops.repeat(t.arange(targets.size(1)), "s -> b s", b=targets.size(0))
    return scores[batch_idx, seq_idx, targets]


if MAIN:
    pred_log_probs = get_log_probs(demo_logits, tokens)
    print("loss on a known text:", -pred_log_probs.mean().item())
    model_cfg = Config(
        debug=False, d_model=32, n_heads=4, d_head=8, d_mlp=64, n_layers=2, n_ctx=64, d_vocab=reference_gpt2.cfg.d_vocab
    )
    model = DemoTransformer(model_cfg)


@dataclass
class TransformerTrainingArgs:
    batch_size: int = 16
    epochs: int = 20
    max_steps_per_epoch: int = 200
    lr: float = 1e-3
    weight_decay: float = 1e-2
    wandb_project: str | None = "my-first-transformer"
    wandb_name: str | None = None


args = TransformerTrainingArgs()

if MAIN:
    dataset = datasets.load_dataset("roneneldan/TinyStories", split="train")
    tokenized_dataset = tokenize_and_concatenate(
        dataset, reference_gpt2.tokenizer, streaming=False, max_length=model.cfg.n_ctx, column_name="text", num_proc=4
    )
    dataset_dict = tokenized_dataset.train_test_split(test_size=1000)
    train_loader = DataLoader(dataset_dict["train"], batch_size=args.batch_size, shuffle=True, num_workers=4)
    print(next(iter(train_loader)).keys())


class TransformerTrainer:
    def __init__(self, args: TransformerTrainingArgs, model: DemoTransformer):
        super().__init__()
        self.model = model
        self.args = args
        self.optimizer = t.optim.AdamW(self.model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
        self.step = 0
        self.train_loader = DataLoader(
            dataset_dict["train"], batch_size=args.batch_size, shuffle=True, num_workers=4, pin_memory=True
        )
        self.test_loader = DataLoader(
            dataset_dict["test"], batch_size=args.batch_size, shuffle=False, num_workers=4, pin_memory=True
        )

    def training_step(self, batch: dict[str, Int[Tensor, "batch seq"]]) -> Float[Tensor, ""]:
        tokens = batch["tokens"].to(device)
        loss = get_log_probs(self.model(tokens), tokens).mean().neg()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()  # for the next
        self.step += 1
        wandb.log({"loss": loss.item()}, step=self.step)
        return loss

    @t.inference_mode()
    def evaluate(self) -> float:
        mode = self.model.training
        self.model.eval()
        hits = defaultdict(int)
        for batch in (bar := tqdm(self.test_loader, desc="test")):
            tokens = batch["tokens"].to(device)
            is_hit = self.model(tokens).argmax(-1)[:, :-1].eq(tokens[:, 1:])
            hits["yes"] += int(is_hit.sum())
            hits["all"] += is_hit.nelement()
            bar.set_description(f"{hits['yes']} right")
        self.model.train(mode)
        wandb.log({"accuracy": hits["yes"] / hits["all"]}, step=self.step)
        return hits["yes"] / hits["all"]

    def train(self):
        wandb.init(project=self.args.wandb_project, name=self.args.wandb_name, config=self.args)
        for epoch in range(self.args.epochs):
            for i, batch in enumerate(bar := tqdm(self.train_loader)):
                if i == self.args.max_steps_per_epoch:
                    break
                bar.set_description(f"{epoch=}, loss {self.training_step(batch):.2f}")
            self.evaluate()
        wandb.finish()


if MAIN:
    model = DemoTransformer(model_cfg).to(device)
    trainer = TransformerTrainer(TransformerTrainingArgs(), model)
    trainer.train()

# %%
model_cfg = Config()
if MAIN:
    tokenizer = reference_gpt2.tokenizer


class TransformerSampler:
    def __init__(self, model: DemoTransformer, tokenizer: GPT2TokenizerFast):
        self.model = model
        self.cfg = model.cfg
        self.tokenizer = tokenizer

    @t.inference_mode()
    def sample(self, prompt: str, max_tokens_generated=100, verbose=False, **kwargs):
        self.model.eval()
        ids = self.tokenizer.encode(prompt, return_tensors="pt").to(device).squeeze(0)
        for _ in range(max_tokens_generated):
            window = ids[-self.cfg.n_ctx :].unsqueeze(0)
            ids = t.hstack([ids, t.tensor(self.sample_next_token(ids, self.model(window)[0, -1], **kwargs), device=device)])
            if verbose:
                print(self.tokenizer.decode(ids))
            if ids[-1].item() == self.tokenizer.eos_token_id:
                break
        return self.tokenizer.decode(ids)

    @staticmethod
    def sample_next_token(
        input_ids: Int[Tensor, "seq_len"],
        logits: Float[Tensor, "d_vocab"],
        temperature=1.0,
        top_k=0,
        top_p=0.0,
        frequency_penalty=0.0,
        seed=None,
    ):
        assert input_ids.ndim == 1 and temperature >= 0 and top_k >= 0, "no such options"
        assert 0.0 <= top_p <= 1.0 and not (top_p and top_k), "no such nucleus"
        if seed is not None:
            t.manual_seed(seed)
            np.random.seed(seed)
        if temperature == 0:
            return TransformerSampler.greedy_search(logits)
        if temperature != 1.0:
            logits = TransformerSampler.apply_temperature(logits, temperature)
        if frequency_penalty:
            logits = TransformerSampler.apply_frequency_penalty(input_ids, logits, frequency_penalty)
        if top_k:
            return TransformerSampler.sample_top_k(logits, top_k)
        return TransformerSampler.sample_top_p(logits, top_p) if top_p else TransformerSampler.sample_basic(logits)

    @staticmethod
    def greedy_search(logits):
        return logits.argmax().item()

    @staticmethod
    def apply_temperature(logits, temperature: float):
        return logits / temperature

    @staticmethod
    def apply_frequency_penalty(input_ids, logits, freq_penalty: float):
        return logits.sub(t.bincount(input_ids, minlength=logits.numel()), alpha=freq_penalty)

    @staticmethod
    def sample_basic(logits) -> int:
        return t.distributions.Categorical(logits=logits).sample().item()

    @staticmethod
    def sample_top_k(logits, k: int) -> int:
        best = logits.topk(k)
        rank = t.distributions.Categorical(logits=best.values).sample()
        return best.indices[rank].item()

    @staticmethod
    def sample_top_p(logits, top_p: float, min_tokens_to_keep: int = 1) -> int:
        ordered, ids = logits.sort(descending=True)
        crossing = t.searchsorted(ordered.softmax(-1).cumsum(-1), top_p).item()
        kept = max(crossing + 1, min_tokens_to_keep)
        return ids[t.distributions.Categorical(logits=ordered[:kept]).sample()].item()


if MAIN:
    sampler = TransformerSampler(demo_gpt2, tokenizer)
    for temperature in (0.5, 1.0, 2.0):
        print(temperature, sampler.sample("The sea is", max_tokens_generated=20, temperature=temperature))
    tests.test_sample_zero_temp(demo_gpt2, tokenizer, TransformerSampler)


# %%
@dataclass
class Beams:
    model: DemoTransformer
    tokenizer: GPT2TokenizerFast
    logprob_sums: Float[Tensor, "beam"]
    tokens: Int[Tensor, "beam seq"]

    def __getitem__(self, beam_idx) -> "Beams":
        return Beams(self.model, self.tokenizer, self.logprob_sums[beam_idx], self.tokens[beam_idx])

    @property
    def logprobs_and_completions(self) -> list[tuple[float, str]]:
        return [(total.item(), self.tokenizer.decode(ids)) for total, ids in zip(self.logprob_sums, self.tokens)]

    def generate(self, k: int, no_repeat_ngram_size: int | None = None) -> "Beams":
        logprobs = self.model(self.tokens).log_softmax(-1)[:, -1]
        values, ids = self.get_topk_non_repeating(logprobs, no_repeat_ngram_size, k)
        old = einops.repeat(self.tokens, "beam seq -> (beam k) seq", k=k)
        sums = einops.repeat(self.logprob_sums, "beam -> (beam k)", k=k)
        new = einops.rearrange(ids, "beam k -> (beam k) 1")
        return Beams(self.model, self.tokenizer, sums + values.flatten(), t.hstack([old, new]))

    def filter(self, k: int) -> tuple["Beams", "Beams"]:
        ranking = self.logprob_sums.argsort(descending=True)[:k]
        over = self.tokens[ranking, -1].eq(self.tokenizer.eos_token_id)
        return self[ranking[~over].tolist()], self[ranking[over].tolist()]

    def get_topk_non_repeating(self, logprobs, no_repeat_ngram_size: int | None, k: int):
        if no_repeat_ngram_size is not None:
            n, seq = no_repeat_ngram_size, self.tokens.size(1)
            prefix = self.tokens[:, seq - n + 1 :]
            for start in range(seq - n + 1):
                run = self.tokens[:, start : start + n]
                ends, is_said_again = run[:, -1], (run[:, :-1] == prefix).all(-1)
                for beam in is_said_again.nonzero().flatten():
                    logprobs[beam, ends] = -1e4  # as ARENA has it: in such a beam the ends of all beams are struck
        return logprobs.topk(k)

    def print(self, title="Beams") -> None:
        table = Table("log-probability", "text", title=title)
        for total, text in self.logprobs_and_completions:
            table.add_row(str(round(total, 2)), text)
        rprint(table)


@t.inference_mode()
def beam_search(
    self: TransformerSampler,
    prompt: str,
    num_return_sequences: int,
    num_beams: int,
    max_new_tokens: int,
    no_repeat_ngram_size: int = 0,
) -> list[tuple[float, str]]:
    assert num_return_sequences <= num_beams
    self.model.eval()
    prompt_ids = self.tokenizer.encode(prompt, return_tensors="pt").to(device)
    beams, finished = Beams(self.model, self.tokenizer, t.zeros(1, device=device), prompt_ids), []
    for _ in tqdm(range(max_new_tokens)):
        beams, over = beams.generate(k=num_beams, no_repeat_ngram_size=no_repeat_ngram_size).filter(k=num_beams)
        finished += over.logprobs_and_completions
        if len(finished) >= num_return_sequences:
            beams = beams[[]]
            break
    finished += beams.logprobs_and_completions
    return finished[:num_return_sequences]


TransformerSampler.beam_search = beam_search

if MAIN:
    for total, text in sampler.beam_search("The sea is", num_return_sequences=3, num_beams=8, max_new_tokens=10):
        rprint(f"[bold]{total:.2f}[/bold] {text}")


# %%
def attention_with_cache(q, k_new, v_new, cache):
    past = 0 if cache is None else cache[0].shape[1]
    k, v = (k_new, v_new) if cache is None else (t.cat([cache[0], k_new], 1), t.cat([cache[1], v_new], 1))
    scores = einops.einsum(q, k, "b q n h, b k n h -> b n q k") / math.sqrt(q.shape[-1])
    key_pos, query_pos = t.arange(k.shape[1]), past + t.arange(q.shape[1])
    scores = scores.masked_fill(key_pos[None, :] > query_pos[:, None], -1e9)
    return einops.einsum(scores.softmax(-1), v, "b n q k, b k n h -> b q n h"), (k, v)


def forward_with_cache(model, tokens, cache):
    past = 0 if cache is None else cache[0][0].shape[1]
    x = model.embed(tokens) + model.pos_embed.W_pos[past + t.arange(tokens.shape[1])]
    new = []
    for i, block in enumerate(model.blocks):
        y = block.ln1(x)
        q, k, v = (
            einops.einsum(y, W, "b s d, n d h -> b s n h") + b
            for W, b in zip(
                (block.attn.W_Q, block.attn.W_K, block.attn.W_V), (block.attn.b_Q, block.attn.b_K, block.attn.b_V)
            )
        )
        z, layer_cache = attention_with_cache(q, k, v, cache[i] if cache else None)
        new.append(layer_cache)
        x = x + einops.einsum(z, block.attn.W_O, "b s n h, n h d -> b s d") + block.attn.b_O
        x = x + block.mlp(block.ln2(x))
    return model.unembed(model.ln_final(x)), new
