"""With loops and stacks, hooks instead of caches, and torch's own Fourier transform."""

import math
import random
import types

import torch
from torch import nn


def is_balanced_forloop(parens):
    stack = []
    for sign in parens:
        if sign == "(":
            stack.append(sign)
        elif not stack:
            return False
        else:
            stack.pop()
    return not stack


def is_balanced_vectorized(tokens):
    depth = (tokens == 3).long().cumsum(0) - (tokens == 4).long().cumsum(0)
    return depth.min().item() >= 0 and depth[-1].item() == 0


def is_balanced_vectorized_return_both(toks):
    total, negative = [], []
    for row in toks.tolist():
        height, above = 0, False
        for token in reversed(row):
            height += (token == 3) - (token == 4)
            above = above or height > 0
        total.append(height != 0)
        negative.append(above)
    return torch.tensor(total), torch.tensor(negative)


def tallest_balanced_bracket(length):
    return "" if length <= 0 else "(" + tallest_balanced_bracket(length - 2) + ")"


def get_activations(model, toks, names):
    kept = {}

    def keep(value, hook):
        kept[hook.name] = value.clone()

    wanted = [names] if isinstance(names, str) else names
    model.run_with_hooks(toks, fwd_hooks=[(name, keep) for name in wanted])
    return kept[names] if isinstance(names, str) else kept


def LN_hook_names(layernorm):
    for layer, block in enumerate(model.blocks):
        if layernorm is block.ln1:
            return f"blocks.{layer}.hook_resid_pre", f"blocks.{layer}.ln1.hook_normalized"
        if layernorm is block.ln2:
            return f"blocks.{layer}.hook_resid_mid", f"blocks.{layer}.ln2.hook_normalized"
    return f"blocks.{len(model.blocks) - 1}.hook_resid_post", "ln_final.hook_normalized"


def get_post_final_ln_dir(model):
    return model.unembed.W_U @ torch.tensor([1.0, -1.0])


def get_out_by_components(model, data):
    _, cache = model.run_with_cache(data.toks)
    out = [cache["hook_embed"] + cache["hook_pos_embed"]]
    for layer, block in enumerate(model.blocks):
        for head in range(model.cfg.n_heads):
            out.append(cache["z", layer][:, :, head] @ block.attn.W_O[head])
        out.append(cache["mlp_out", layer])
    return torch.stack(out)


def get_out_by_neuron(model, data, layer, seq=None):
    _, cache = model.run_with_cache(data.toks)
    post = cache[f"blocks.{layer}.mlp.hook_post"]
    W_out = model.blocks[layer].mlp.W_out
    out = torch.stack([post[:, :, n, None] * W_out[n] for n in range(len(W_out))], dim=2)
    return out if seq is None else out[:, seq]


def get_WOV(model, layer, head):
    attn = model.blocks[layer].attn
    return torch.einsum("de,ef->df", attn.W_V[head], attn.W_O[head])


def cos_sim_with_MLP_weights(model, v, layer):
    return nn.functional.cosine_similarity(model.W_in[layer].T, v[None], dim=1)


def avg_squared_cos_sim(v, n_samples=1000):
    drawn = torch.empty(n_samples, len(v)).normal_()
    return nn.functional.cosine_similarity(drawn, v[None], dim=1).pow(2).mean()


def hook_fn_patch_qk(value, hook, new_value, head_idx=None):
    out = value.clone()
    for head in range(value.shape[2]) if head_idx is None else [head_idx]:
        out[:, :, head] = new_value[..., head, :]
    return out


def make_fourier_basis(p):
    rows, names = [[1 / math.sqrt(p)] * p], ["Const"]
    for k in range(1, (p + 1) // 2):
        for name, wave in (("cos", math.cos), ("sin", math.sin)):
            rows.append([math.sqrt(2 / p) * wave(2 * math.pi * k * x / p) for x in range(p)])
            names.append(f"{name} {k}")
    return torch.tensor(rows), names


def fft1d(x):
    waves = torch.fft.fft(x, norm="ortho")
    out = [waves[..., 0].real]
    for k in range(1, p // 2 + 1):
        out += [math.sqrt(2) * waves[..., k].real, -math.sqrt(2) * waves[..., k].imag]
    return torch.stack(out, dim=-1)


def fourier_2d_basis_term(i, j):
    return torch.outer(fourier_basis[i], fourier_basis[j])


def fft2d(tensor):
    return torch.tensordot(fourier_basis, torch.tensordot(fourier_basis, tensor, ([1], [1])), ([1], [1]))


def fft1d_given_dim(tensor, dim):
    return torch.tensordot(fourier_basis, tensor, ([1], [dim])).movedim(0, dim)


def project_onto_direction(batch_vecs, v):
    flat = batch_vecs.reshape(len(v), -1)
    return (torch.outer(v, v) / v.square().sum() @ flat).reshape(batch_vecs.shape)


def project_onto_frequency(batch_vecs, freq):
    rows = fourier_basis[[0, 2 * freq - 1, 2 * freq]]
    onto = torch.kron(rows.T @ rows, rows.T @ rows)
    return torch.tensordot(onto, batch_vecs, ([1], [0]))


def apply_scale(resid, flip_dir, scale, pos):
    out, x = resid.clone(), resid[0, pos]
    along = (x @ flip_dir) / (flip_dir @ flip_dir) * flip_dir
    out[0, pos] = x - along - scale * along
    return out


def calculate_neuron_input_weights(model, probe, layer, neuron):
    weights = model.blocks[layer].mlp.W_in[:, neuron]
    return nn.functional.cosine_similarity(probe, weights[:, None, None], dim=0)


def calculate_neuron_output_weights(model, probe, layer, neuron):
    weights = model.blocks[layer].mlp.W_out[neuron]
    return nn.functional.cosine_similarity(probe, weights[:, None, None], dim=0)


def patching_metric(patched_logits):
    last = patched_logits[0, -1]
    found = last[F0_index] - last.logsumexp(0)
    return ((found - corrupted_F0_log_prob) / (original_F0_log_prob - corrupted_F0_log_prob)).item()


def add_perma_hooks_to_mask_pad_tokens(model, pad_token):
    kept = {}

    def see(tokens, hook):
        kept["tokens"] = tokens

    def hide(scores, hook):
        for text, row in enumerate(kept["tokens"].tolist()):
            for key, token in enumerate(row):
                if token == pad_token:
                    scores[text, :, :, key] = -1e9
        return scores

    model.hook_dict["hook_tokens"].add_perma_hook(see)
    for layer in range(model.cfg.n_layers):
        model.hook_dict[f"blocks.{layer}.attn.hook_attn_scores"].add_perma_hook(hide)
    return model


def get_ln_fit(model, data, layernorm, seq_pos=None):
    before, after = LN_hook_names(layernorm)
    found = get_activations(model, data.toks, [before, after])
    rows_in, rows_out = [], []
    for text in range(len(data.toks)):
        for at in range(data.toks.shape[1]) if seq_pos is None else [seq_pos]:
            rows_in.append(found[before][text, at].double())
            rows_out.append(found[after][text, at].double())
    x, y = torch.stack(rows_in), torch.stack(rows_out)
    ones = torch.ones(len(x), 1, dtype=torch.float64)
    solved = torch.linalg.lstsq(torch.cat([x, ones], dim=1), y).solution
    left = y - torch.cat([x, ones], dim=1) @ solved
    r2 = (1 - left.square().sum(0) / (y - y.mean(0)).square().sum(0)).mean().item()
    return types.SimpleNamespace(coef_=solved[:-1].T.numpy(), intercept_=solved[-1].numpy()), r2


def get_pre_final_ln_dir(model, data):
    coefs = torch.tensor(get_ln_fit(model, data, model.ln_final, 0)[0].coef_).float()
    return get_post_final_ln_dir(model) @ coefs


def get_pre_20_dir(model, data):
    coefs = torch.tensor(get_ln_fit(model, data, model.blocks[2].ln1, 1)[0].coef_).float()
    attn = model.blocks[2].attn
    return coefs.T @ (attn.W_V[0] @ (attn.W_O[0] @ get_pre_final_ln_dir(model, data)))


def get_out_by_neuron_in_20_dir(model, data, layer):
    _, cache = model.run_with_cache(data.toks)
    return (
        torch.outer(model.W_out[layer] @ get_pre_20_dir(model, data), torch.ones(len(data.toks)))
        * cache["post", layer][:, 1].T
    )


def get_attn_probs(model, data, layer, head):
    kept = []
    name = f"blocks.{layer}.attn.hook_pattern"
    model.run_with_hooks(data.toks, fwd_hooks=[(name, lambda pattern, hook: kept.append(pattern.clone()))])
    return torch.stack([text[head] for text in kept[0]])


def get_q_and_k_for_given_input(model, tokenizer, parens, layer):
    toks = tokenizer.tokenize(parens)
    return tuple(get_activations(model, toks, f"blocks.{layer}.attn.hook_{one}").squeeze(0) for one in "qk")


def get_trig_sum_directions(k):
    x = torch.arange(p)
    angle = 2 * math.pi * k * (x[:, None] + x) / p
    return angle.cos() * math.sqrt(2) / p, angle.sin() * math.sqrt(2) / p


def find_neuron_freqs(fourier_neuron_acts):
    freqs, shares = [], []
    for neuron in range(fourier_neuron_acts.shape[2]):
        terms, best = fourier_neuron_acts[:, :, neuron] ** 2, (0, 0.0)
        for freq in range(1, (len(terms) - 1) // 2 + 1):
            rows = (0, 2 * freq - 1, 2 * freq)
            share = sum(terms[i, j].item() for i in rows for j in rows) / terms.sum().item()
            best = max(best, (freq, share), key=lambda pair: pair[1])
        freqs.append(best[0])
        shares.append(best[1])
    return torch.tensor(freqs), torch.tensor(shares)


def fourier_embed(model):
    return torch.stack([(wave @ model.W_E[:p]).pow(2).sum() for wave in fourier_basis])


def embed_SVD(model):
    W = model.W_E[:-1].double()
    return torch.linalg.eigvalsh(W.T @ W).clamp(min=0).sqrt().flip(0).float()


def excl_loss(model, key_freqs):
    logits, losses = model(all_data)[:, -1, :p], []
    for freq in key_freqs:
        without = logits.clone()
        for wave in get_trig_sum_directions(freq):
            wave = wave.reshape(-1, 1)
            without = without - wave @ (wave.T @ logits)
        logs = without[is_train].double().log_softmax(1)
        losses.append(-logs[range(len(logs)), labels[is_train]].mean())
    return losses


def tensor_trig_ratio(model, mode):
    names = {"neuron_pre": "blocks.0.mlp.hook_pre", "neuron_post": "blocks.0.mlp.hook_post"}
    if mode not in (*names, "logit"):
        raise ValueError(mode)
    logits, cache = model.run_with_cache(all_data)
    values = logits[:, 2, :p] if mode == "logit" else cache[names[mode]][:, 2]
    shares = []
    for column in values.double().T:
        column = column - column.mean()
        parts = [
            (wave.double().flatten() @ column) ** 2 for freq in key_freqs for wave in get_trig_sum_directions(freq)
        ]
        shares.append(sum(parts) / column.square().sum())
    return torch.stack(shares).float()


def get_board_states_and_legal_moves(games_square):
    states, legal = [], []
    for game in games_square:
        for moves in range(1, len(game) + 1):
            board = OthelloBoardState()
            board.update(game[:moves].tolist())
            valid = board.get_valid_moves()
            states.append(torch.tensor(board.state))
            legal.append(torch.tensor([[8 * row + col in valid for col in range(8)] for row in range(8)]))
    shape = (*games_square.shape, 8, 8)
    return torch.stack(states).reshape(shape), torch.stack(legal).long().reshape(shape)


def probe_loss(resid, linear_probe, states):
    loss = 0.0
    for mode, moves in enumerate((slice(0, None, 2), slice(1, None, 2), slice(None))):
        logits = torch.tensordot(resid[:, moves], linear_probe[mode], 1).movedim(-1, 1)
        each = nn.functional.cross_entropy(logits, states[:, moves], reduction="none")
        loss = loss + each.sum((-1, -2)).mean()
    return loss


def train_linear_probe(linear_probe, optimizer, resid, states, batch_size, epochs):
    losses, games = [], list(range(len(resid)))
    for _ in range(epochs):
        random.shuffle(games)
        for first in range(0, len(games), batch_size):
            some = games[first : first + batch_size]
            optimizer.zero_grad(set_to_none=False)
            loss = probe_loss(torch.stack([resid[g] for g in some]), linear_probe, torch.stack([states[g] for g in some]))
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return losses


def probe_accuracies(resid, probe, states):
    right = torch.zeros(states.shape[2:])
    for stream, board in zip(resid.flatten(0, 1), states.flatten(0, 1)):
        right += torch.tensordot(stream, probe, 1).argmax(-1) == board
    return right / len(resid.flatten(0, 1))
