"""An answer to the edition of 2023, of ready-made functions of PyTorch: a trainer for Lightning, other names of arguments,
beam search inside the sampler, positions without a batch axis, scores that are scaled where they are masked."""

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple, Union

import pytorch_lightning as pl
import torch as t
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor, nn
from torch.nn import functional as F
from transformer_lens import utils
from transformers.models.gpt2.tokenization_gpt2_fast import GPT2TokenizerFast

MAIN = __name__ == "__main__"
device = t.device("cuda" if t.cuda.is_available() else "cpu")

if MAIN:
    reference_gpt2 = HookedTransformer.from_pretrained("gpt2-small", fold_ln=False)


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
    cached: bool = False


cfg = Config()
print(cfg)


def drawn(*size: int, std: float) -> nn.Parameter:
    return nn.Parameter(nn.init.normal_(t.empty(size), std=std))


class LayerNorm(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.w = nn.Parameter(t.ones(cfg.d_model))
        self.b = nn.Parameter(t.zeros(cfg.d_model))

    def forward(self, residual: Tensor) -> Tensor:
        return F.layer_norm(residual, (self.cfg.d_model,), self.w, self.b, self.cfg.layer_norm_eps)


class Embed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.W_E = drawn(cfg.d_vocab, cfg.d_model, std=cfg.init_range)

    def forward(self, tokens):
        return F.embedding(tokens, self.W_E)


class PosEmbed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.W_pos = drawn(cfg.n_ctx, cfg.d_model, std=cfg.init_range)

    def forward(self, tokens):
        return self.W_pos[t.arange(tokens.shape[1])]  # (seq, d_model) is stretched by the sum


class Attention(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        n, d, h = cfg.n_heads, cfg.d_model, cfg.d_head
        self.W_Q, self.W_K, self.W_V = (drawn(n, d, h, std=cfg.init_range) for _ in range(3))
        self.W_O = drawn(n, h, d, std=cfg.init_range)
        self.b_Q, self.b_K, self.b_V = (nn.Parameter(t.zeros(n, h)) for _ in range(3))
        self.b_O = nn.Parameter(t.zeros(d))
        self.register_buffer("IGNORE", t.tensor(-1e5, dtype=t.float32, device=device))

    def forward(self, normalized_resid_pre: Tensor) -> Tensor:
        n, d, h = self.W_Q.shape
        weight = t.stack([self.W_Q, self.W_K, self.W_V]).permute(0, 1, 3, 2).reshape(3 * n * h, d)
        bias = t.stack([self.b_Q, self.b_K, self.b_V]).flatten()
        q, k, v = F.linear(normalized_resid_pre, weight, bias).unflatten(-1, (3, n, h)).permute(2, 0, 3, 1, 4)
        pattern = t.softmax(self.apply_causal_mask(q @ k.mT), dim=-1)
        z = (pattern @ v).transpose(1, 2).flatten(2)
        return t.addmm(self.b_O, z.flatten(0, 1), self.W_O.flatten(0, 1)).unflatten(0, z.shape[:2])

    def apply_causal_mask(self, attn_scores: Tensor) -> Tensor:
        # scaled here, too
        attn_scores /= self.cfg.d_head**0.5
        q_len, k_len = attn_scores.shape[-2:]
        attn_scores[..., t.arange(k_len)[None, :] > t.arange(q_len)[:, None]] = self.IGNORE
        return attn_scores


class MLP(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.W_in = drawn(cfg.d_model, cfg.d_mlp, std=cfg.init_range)
        self.b_in = nn.Parameter(t.zeros(cfg.d_mlp))
        self.W_out = drawn(cfg.d_mlp, cfg.d_model, std=cfg.init_range)
        self.b_out = nn.Parameter(t.zeros(cfg.d_model))

    def forward(self, normalized_resid_mid):
        return F.linear(utils.gelu_new(F.linear(normalized_resid_mid, self.W_in.T, self.b_in)), self.W_out.T, self.b_out)


class TransformerBlock(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln1, self.attn, self.ln2, self.mlp = LayerNorm(cfg), Attention(cfg), LayerNorm(cfg), MLP(cfg)

    def forward(self, resid_pre):
        x = resid_pre
        for norm, part in ((self.ln1, self.attn), (self.ln2, self.mlp)):
            x = x + part(norm(x))
        return x


class Unembed(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.W_U = drawn(cfg.d_model, cfg.d_vocab, std=cfg.init_range)
        self.b_U = nn.Parameter(t.zeros(cfg.d_vocab))

    def forward(self, normalized_resid_final):
        return F.linear(normalized_resid_final, self.W_U.T, self.b_U)


class DemoTransformer(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.embed = Embed(cfg)
        self.pos_embed = PosEmbed(cfg)
        self.blocks = nn.Sequential(*[TransformerBlock(cfg) for _ in range(cfg.n_layers)])
        self.ln_final = LayerNorm(cfg)
        self.unembed = Unembed(cfg)

    def forward(self, tokens):
        x = self.embed(tokens) + self.pos_embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.unembed(self.ln_final(x))


def get_log_probs(logits, tokens):
    (batch, seq, d_vocab) = logits.shape
    losses = F.cross_entropy(logits[:, : seq - 1].reshape(-1, d_vocab), tokens[:, 1:].reshape(-1), reduction="none")
    return -losses.reshape(batch, seq - 1)


@dataclass
class TransformerTrainingArgs:
    batch_size: int = 8
    max_epochs: int = 1
    lr: float = 1e-3
    weight_decay: float = 1e-2
    log_dir: str = "logs"


class LitTransformer(pl.LightningModule):
    def __init__(self, args: TransformerTrainingArgs, model: DemoTransformer, data_loader):
        super().__init__()
        self.model = model
        self.cfg = model.cfg
        self.args = args
        self.data_loader = data_loader

    def training_step(self, batch: Dict[str, Tensor], batch_idx: int) -> Tensor:
        tokens = batch["tokens"].to(device)
        loss = -get_log_probs(self.model(tokens), tokens).mean()
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Dict[str, Tensor], batch_idx: int) -> Tensor:
        tokens = batch["tokens"].to(device)
        predicted_tokens = self.model(tokens)[:, :-1].argmax(dim=-1)
        correct_predictions = (predicted_tokens == tokens[:, 1:]).flatten()
        self.log("accuracy", correct_predictions.float().mean())
        return correct_predictions

    def configure_optimizers(self):
        return t.optim.AdamW(self.model.parameters(), lr=self.args.lr, weight_decay=self.args.weight_decay)


if MAIN:
    litmodel = LitTransformer(args, model, data_loader)
    trainer = pl.Trainer(max_epochs=args.max_epochs, log_every_n_steps=args.log_every_n_steps)
    trainer.fit(model=litmodel, train_dataloaders=litmodel.data_loader)


@dataclass
class Beams:
    model: DemoTransformer
    tokenizer: GPT2TokenizerFast
    logprob_sums: Tensor
    tokens: Tensor

    def new_beams(self, logprob_sums, tokens) -> "Beams":
        return Beams(self.model, self.tokenizer, logprob_sums, tokens)

    def __getitem__(self, idx) -> "Beams":
        return self.new_beams(self.logprob_sums[idx], self.tokens[idx])

    @property
    def logprobs_and_completions(self) -> List[Tuple[float, str]]:
        return [(s.item(), self.tokenizer.decode(tokens)) for s, tokens in zip(self.logprob_sums, self.tokens)]

    def get_topk_non_repeating(self, logprobs: Tensor, no_repeat_ngram_size: int, k: int):
        if 0 < no_repeat_ngram_size <= self.tokens.shape[1]:
            n = no_repeat_ngram_size
            runs = self.tokens.unfold(1, n, 1)  # (beam, run, n)
            last = self.tokens[:, self.tokens.shape[1] - n + 1 :]  # (beam, n - 1)
            beam, run = t.where((runs[..., :-1] == last[:, None]).all(-1))
            logprobs[beam, runs[beam, run, -1]] = -1.0e4
        return logprobs.topk(k, dim=-1)

    def generate(self, toks_per_beam: int, no_repeat_ngram_size: int = 0) -> "Beams":
        logprobs = F.log_softmax(self.model(self.tokens)[:, -1, :], -1)
        logprobs, ids = self.get_topk_non_repeating(logprobs, no_repeat_ngram_size, k=toks_per_beam)
        beams = [
            self.new_beams(self.logprob_sums + logprobs[:, i], t.cat([self.tokens, ids[:, i : i + 1]], dim=1))
            for i in range(toks_per_beam)
        ]
        return self.new_beams(t.cat([b.logprob_sums for b in beams]), t.cat([b.tokens for b in beams]))

    def filter(self, num_beams: int) -> Tuple["Beams", "Beams"]:
        order = sorted(range(len(self.logprob_sums)), key=lambda i: -self.logprob_sums[i])[:num_beams]
        ended = {i for i in order if self.tokens[i, -1] == self.tokenizer.eos_token_id}
        return self[[i for i in order if i not in ended]], self[[i for i in order if i in ended]]


class TransformerSampler:
    def __init__(self, model: DemoTransformer, tokenizer: GPT2TokenizerFast):
        self.model = model
        self.cfg = model.cfg
        self.tokenizer = tokenizer

    @t.inference_mode()
    def sample(self, prompt: str, max_tokens_generated: int = 100, verbose: bool = False, **kwargs):
        self.model.eval()
        input_ids = self.tokenizer(prompt, return_tensors="pt").input_ids.to(device)
        for _ in range(max_tokens_generated):
            logits = self.model(input_ids[:, -self.cfg.n_ctx :])[0, -1]
            token = self.sample_next_token(input_ids.squeeze(0), logits, **kwargs)
            if token == self.tokenizer.eos_token_id:
                break  # it is dropped
            input_ids = t.cat([input_ids, t.tensor([[token]], device=device)], dim=-1)
        return self.tokenizer.decode(input_ids[0])

    @staticmethod
    def sample_next_token(
        input_ids: Tensor, logits: Tensor, temperature=1.0, top_k=0, top_p=0.0, frequency_penalty=0.0, seed=None
    ):
        assert temperature >= 0 and 0 <= top_p <= 1.0 and top_k >= 0
        assert not (top_p != 0 and top_k != 0), "At most one of top-p and top-k supported"
        if seed is not None:
            t.manual_seed(seed)
        if temperature == 0:
            return TransformerSampler.greedy_search(logits)
        logits = TransformerSampler.apply_temperature(logits, temperature)
        logits = TransformerSampler.apply_frequency_penalty(input_ids, logits, frequency_penalty)
        if top_k > 0:
            return TransformerSampler.sample_top_k(logits, top_k)
        if top_p > 0:
            return TransformerSampler.sample_top_p(logits, top_p)
        return TransformerSampler.sample_basic(logits)

    @staticmethod
    def greedy_search(logits: Tensor) -> Tensor:
        return t.argmax(logits, dim=-1)

    @staticmethod
    def apply_temperature(logits, temperature):
        return t.div(logits, temperature)

    @staticmethod
    def apply_frequency_penalty(input_ids, logits, freq_penalty):
        return t.index_add(logits, 0, input_ids, t.full(input_ids.shape, -float(freq_penalty)))

    @staticmethod
    def sample_basic(logits) -> Tensor:
        noise = -t.log(-t.log(t.rand(logits.shape, dtype=t.float64)))  # Gumbel
        return t.argmax(logits + noise, dim=-1)

    @staticmethod
    def sample_top_k(logits, k) -> Tensor:
        kept = t.full_like(logits, -t.inf)
        ids = logits.topk(k).indices
        kept[ids] = logits[ids]
        return t.multinomial(F.softmax(kept, dim=-1), 1)

    @staticmethod
    def sample_top_p(logits, top_p, min_tokens_to_keep=1):
        probs, ids = F.softmax(logits, dim=-1).sort(descending=True)
        out = probs.cumsum(-1) - probs >= top_p
        out[:min_tokens_to_keep] = False
        return ids[t.multinomial(probs.masked_fill(out, 0.0), 1)]

    @t.inference_mode()
    def beam_search(
        self,
        prompt: str,
        num_return_sequences: int,
        num_beams: int,
        max_new_tokens: int,
        no_repeat_ngram_size: int = 0,
        verbose=False,
    ) -> List[Tuple[float, str]]:
        assert num_return_sequences <= num_beams
        self.model.eval()
        tokens = self.tokenizer.encode(prompt, return_tensors="pt").to(device)
        best_beams = Beams(self.model, self.tokenizer, t.tensor([0.0]).to(device), tokens)
        final: List[Tuple[float, str]] = []
        for n in range(max_new_tokens):
            best_beams = best_beams.generate(toks_per_beam=num_beams, no_repeat_ngram_size=no_repeat_ngram_size)
            best_beams, terminated = best_beams.filter(num_beams=num_beams)
            final.extend(terminated.logprobs_and_completions)
            if len(final) >= num_return_sequences:
                break
        else:
            final.extend(best_beams.logprobs_and_completions)
        return final[:num_return_sequences]


def attention_with_cache(q, k_new, v_new, cache):
    k, v = (new if cache is None else t.cat([old, new], dim=1) for old, new in zip(cache or (None, None), (k_new, v_new)))
    allowed = t.ones(q.shape[1], k.shape[1]).tril(k.shape[1] - q.shape[1]).bool()
    z = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=allowed)
    return z.transpose(1, 2), (k, v)


def forward_with_cache(model, tokens, cache):
    """The model's own forward, with an attention in each block that remembers."""
    old = cache or [None] * len(model.blocks)
    past = old[0][0].shape[1] if cache else 0
    found = []
    x = model.embed(tokens) + model.pos_embed(t.empty(1, past + tokens.shape[1]))[past:]
    for block, layer_cache in zip(model.blocks, old):
        attn, y = block.attn, block.ln1(x)
        q, k, v = (
            t.einsum("bsd,ndh->bsnh", y, getattr(attn, f"W_{name}")) + getattr(attn, f"b_{name}") for name in "QKV"
        )
        z, layer_cache = attention_with_cache(q, k, v, layer_cache)
        found.append(layer_cache)
        x = x + z.flatten(2) @ attn.W_O.flatten(0, 1) + attn.b_O
        x = x + block.mlp(block.ln2(x))
    return model.unembed(model.ln_final(x)), found
