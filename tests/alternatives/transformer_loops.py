"""Everything by loops over heads, positions and tokens, as one who does not trust broadcasting would write it."""

import math
import random
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import nn

from exercises.given.transformers import Config, KVCache


class LayerNorm(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.eps = cfg.layer_norm_eps
        self.register_parameter("w", nn.Parameter(torch.full((cfg.d_model,), 1.0)))
        self.register_parameter("b", nn.Parameter(torch.full((cfg.d_model,), 0.0)))

    def one(self, x):
        mean = sum(x) / len(x)
        var = sum((each - mean) ** 2 for each in x) / len(x)
        return (x - mean) / torch.sqrt(var + self.eps) * self.w + self.b

    def forward(self, residual):
        return torch.stack([torch.stack([self.one(x) for x in text]) for text in residual])


class Embed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.W_E = nn.Parameter(torch.normal(0.0, cfg.init_range, (cfg.d_vocab, cfg.d_model)))

    def forward(self, tokens):
        return torch.stack([torch.stack([self.W_E[token] for token in text]) for text in tokens.tolist()])


class PosEmbed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.W_pos = nn.Parameter(torch.normal(0.0, cfg.init_range, (cfg.n_ctx, cfg.d_model)))

    def forward(self, tokens):
        return torch.stack([torch.stack([self.W_pos[i] for i in range(len(text))]) for text in tokens])


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        for name in ("W_Q", "W_K", "W_V"):
            setattr(self, name, nn.Parameter(torch.normal(0.0, cfg.init_range, (cfg.n_heads, cfg.d_model, cfg.d_head))))
            setattr(self, name.replace("W", "b"), nn.Parameter(torch.zeros(cfg.n_heads, cfg.d_head)))
        self.W_O = nn.Parameter(torch.normal(0.0, cfg.init_range, (cfg.n_heads, cfg.d_head, cfg.d_model)))
        self.b_O = nn.Parameter(torch.zeros(cfg.d_model))

    def head(self, x, n):
        q, k, v = (x @ W[n] + b[n] for W, b in ((self.W_Q, self.b_Q), (self.W_K, self.b_K), (self.W_V, self.b_V)))
        rows = []
        for i in range(len(x)):
            weights = torch.stack([q[i] @ k[j] / math.sqrt(self.cfg.d_head) for j in range(i + 1)]).softmax(0)
            rows.append(sum(weight * v[j] for j, weight in enumerate(weights)))
        return torch.stack(rows) @ self.W_O[n]

    def forward(self, normalized_resid_pre):
        return torch.stack([sum(self.head(x, n) for n in range(self.cfg.n_heads)) for x in normalized_resid_pre]) + self.b_O

    def apply_causal_mask(self, attn_scores):
        masked = attn_scores.clone()
        for query in range(masked.shape[-2]):
            for key in range(query + 1, masked.shape[-1]):
                masked[:, :, query, key] = float("-inf")
        return masked


class MLP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.W_in = nn.Parameter(torch.normal(0.0, cfg.init_range, (cfg.d_model, cfg.d_mlp)))
        self.W_out = nn.Parameter(torch.normal(0.0, cfg.init_range, (cfg.d_mlp, cfg.d_model)))
        self.b_in, self.b_out = nn.Parameter(torch.zeros(cfg.d_mlp)), nn.Parameter(torch.zeros(cfg.d_model))

    def forward(self, normalized_resid_mid):
        x = normalized_resid_mid @ self.W_in + self.b_in
        return (0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))) @ self.W_out + self.b_out


class TransformerBlock(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln1, self.ln2 = LayerNorm(cfg), LayerNorm(cfg)
        self.attn, self.mlp = Attention(cfg), MLP(cfg)

    def forward(self, resid_pre):
        resid_mid = resid_pre.clone()
        resid_mid += self.attn(self.ln1(resid_pre))
        return resid_mid + self.mlp(self.ln2(resid_mid))


class Unembed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.W_U = nn.Parameter(torch.normal(0.0, cfg.init_range, (cfg.d_model, cfg.d_vocab)))
        self.b_U = nn.Parameter(torch.zeros(cfg.d_vocab))

    def forward(self, normalized_resid_final):
        return torch.stack([normalized_resid_final @ column + bias for column, bias in zip(self.W_U.T, self.b_U)], dim=-1)


class DemoTransformer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = replace(cfg)
        self.embed, self.pos_embed = Embed(cfg), PosEmbed(cfg)
        self.blocks = nn.ModuleList()
        while len(self.blocks) < cfg.n_layers:
            self.blocks.append(TransformerBlock(cfg))
        self.ln_final, self.unembed = LayerNorm(cfg), Unembed(cfg)

    def forward(self, tokens):
        x = self.embed(tokens) + self.pos_embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.unembed(self.ln_final(x))


def get_log_probs(logits, tokens):
    rows = [
        [logits[b, i, tokens[b, i + 1]] - logits[b, i].logsumexp(0) for i in range(tokens.shape[1] - 1)]
        for b in range(len(tokens))
    ]
    return torch.stack([torch.stack(row) if row else logits.new_zeros(0) for row in rows])


class TransformerTrainer:
    def __init__(self, args, model):
        self.args, self.model = args, model

    def training_step(self, batch):
        for parameter in self.model.parameters():
            parameter.grad = None
        log_probs = get_log_probs(self.model(batch["tokens"]), batch["tokens"])
        loss = -log_probs.sum() / log_probs.numel()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evaluate(self):
        mode = self.model.training
        self.model.train(False)
        answers = []
        for batch in self.test_loader:
            with torch.no_grad():
                logits = self.model(batch["tokens"])
            for row, text in zip(logits, batch["tokens"].tolist()):
                answers += [max(range(len(each)), key=each.tolist().__getitem__) == token for each, token in zip(row, text[1:])]
        self.model.train(mode)
        return answers.count(True) / len(answers)


class TransformerSampler:
    def __init__(self, model, tokenizer):
        self.model, self.cfg, self.tokenizer = model, model.cfg, tokenizer

    def greedy_search(logits):
        best = 0
        for token in range(len(logits)):
            if logits[token] > logits[best]:
                best = token
        return best

    def sample_basic(logits):
        largest = max(logits.tolist())
        weights = [math.exp(logit - largest) for logit in logits.tolist()]
        point = random.random() * sum(weights)
        for token, weight in enumerate(weights):
            point -= weight
            if point < 0:
                return token
        return max(range(len(weights)), key=weights.__getitem__)

    def apply_temperature(logits, temperature):
        return torch.stack([logit / temperature for logit in logits])

    def apply_frequency_penalty(input_ids, logits, freq_penalty):
        logits = logits.clone()
        for token in input_ids.tolist():
            logits[token] -= freq_penalty
        return logits

    def sample_top_k(logits, k):
        tokens = sorted(range(len(logits)), key=lambda token: -logits[token])[:k]
        return tokens[TransformerSampler.sample_basic(logits[tokens])]

    def sample_top_p(logits, top_p, min_tokens_to_keep=1):
        probabilities = logits.double().softmax(0).tolist()
        kept, total = [], 0.0
        for token in sorted(range(len(logits)), key=lambda token: -probabilities[token]):
            if total >= top_p and len(kept) >= min_tokens_to_keep:
                break
            kept.append(token)
            total += probabilities[token]
        return kept[TransformerSampler.sample_basic(logits[kept])]

    def sample_next_token(input_ids, logits, temperature=1.0, top_k=0, top_p=0.0, frequency_penalty=0.0):
        if temperature < 0 or top_k < 0 or top_p < 0 or top_p > 1 or (top_k > 0 and top_p > 0):
            raise ValueError
        if not temperature:
            return TransformerSampler.greedy_search(logits)
        logits = TransformerSampler.apply_temperature(logits, temperature)
        logits = TransformerSampler.apply_frequency_penalty(input_ids, logits, frequency_penalty)
        if top_k:
            return TransformerSampler.sample_top_k(logits, top_k)
        return TransformerSampler.sample_top_p(logits, top_p or 1.1)

    def sample(self, prompt, max_tokens_generated=100, verbose=False, **options):
        self.model.eval()
        tokens = list(self.tokenizer.encode(prompt))
        with torch.no_grad():
            while max_tokens_generated:
                shown = torch.tensor([tokens[-self.cfg.n_ctx :]])
                token = int(TransformerSampler.sample_next_token(torch.tensor(tokens), self.model(shown)[0][-1], **options))
                tokens.append(token)
                max_tokens_generated -= 1
                if token == self.tokenizer.eos_token_id:
                    break
        return self.tokenizer.decode(tokens)


@dataclass
class Beams:
    model: object
    tokenizer: object
    logprob_sums: torch.Tensor
    tokens: torch.Tensor

    def get_topk_non_repeating(self, logprobs, no_repeat_ngram_size, k):
        values, ids = [], []
        for row, tokens in zip(logprobs.tolist(), self.tokens.tolist()):
            n = no_repeat_ngram_size or len(tokens) + 1
            seen = set(zip(*(islice(tokens, i, None) for i in range(n))))
            free = [t for t in range(len(row)) if no_repeat_ngram_size is None or (*tokens[len(tokens) - n + 1 :], t) not in seen]
            free = sorted(free, key=row.__getitem__)[-k:]
            ids.append(free)
            values.append([row[token] for token in free])
        return torch.tensor(values), torch.tensor(ids)

    def generate(self, k, no_repeat_ngram_size=None):
        logprobs = torch.stack([self.model(text[None])[0, -1].log_softmax(0) for text in self.tokens])
        values, ids = self.get_topk_non_repeating(logprobs, no_repeat_ngram_size, k)
        sums, rows = [], []
        for i, text in enumerate(self.tokens.tolist()):
            for value, token in zip(values[i].tolist(), ids[i].tolist()):
                sums.append(self.logprob_sums[i].item() + value)
                rows.append([*text, token])
        return Beams(self.model, self.tokenizer, torch.tensor(sums), torch.tensor(rows))

    def filter(self, k):
        rows = sorted(zip(self.logprob_sums.tolist(), self.tokens.tolist()), reverse=True)[:k]
        halves = [[], []]
        for row in rows:
            halves[row[1][-1] == self.tokenizer.eos_token_id].append(row)
        length = self.tokens.shape[1]
        return tuple(
            Beams(self.model, self.tokenizer, torch.tensor([s for s, _ in half]),
                  torch.tensor([r for _, r in half], dtype=torch.int64).reshape(-1, length))
            for half in halves
        )


def beam_search(self, prompt, num_return_sequences, num_beams, max_new_tokens, no_repeat_ngram_size=None):
    self.model.eval()
    with torch.no_grad():
        beams = Beams(self.model, self.tokenizer, torch.tensor([0.0]), torch.tensor([self.tokenizer.encode(prompt)]))
        found = []
        for _ in range(max_new_tokens):
            beams, ended = beams.generate(num_beams, no_repeat_ngram_size).filter(num_beams)
            found += zip(ended.logprob_sums.tolist(), ended.tokens)
            if len(found) >= num_return_sequences:
                break
        found += zip(beams.logprob_sums.tolist(), beams.tokens)
    return [(total, self.tokenizer.decode(tokens)) for total, tokens in found[:num_return_sequences]]


def attention_with_cache(q, k_new, v_new, cache):
    k, v = (k_new, v_new) if cache is None else (torch.cat(pair, 1) for pair in zip(cache, (k_new, v_new)))
    past, out = k.shape[1] - q.shape[1], torch.zeros_like(q)
    for b in range(len(q)):
        for i in range(q.shape[1]):
            for n in range(q.shape[2]):
                weights = (k[b, : past + i + 1, n] @ q[b, i, n] / q.shape[3] ** 0.5).softmax(0)
                out[b, i, n] = weights @ v[b, : past + i + 1, n]
    return out, KVCache(k, v)


def forward_with_cache(model, tokens, cache):
    """One token after the other."""
    logits = []
    for column in tokens.unbind(1):
        past = 0 if cache is None else cache[0].k.shape[1]
        x, longer = model.embed(column[:, None]) + model.pos_embed.W_pos[past], []
        for layer, block in enumerate(model.blocks):
            y, a = block.ln1(x), block.attn
            q, k, v = (
                torch.stack([y @ W[n] + b[n] for n in range(len(W))], dim=2)
                for W, b in ((a.W_Q, a.b_Q), (a.W_K, a.b_K), (a.W_V, a.b_V))
            )
            z, kept = attention_with_cache(q, k, v, None if cache is None else cache[layer])
            longer.append(kept)
            x = x + sum(z[:, :, n] @ a.W_O[n] for n in range(len(a.W_O))) + a.b_O
            x = x + block.mlp(block.ln2(x))
        cache = longer
        logits.append(model.unembed(model.ln_final(x))[:, 0])
    return torch.stack(logits, dim=1), cache
