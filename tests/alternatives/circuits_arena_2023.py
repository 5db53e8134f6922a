"""As the edition of 2023 has it, and with matrices for everything: the term of two waves is flat, games have the names of
that year, neurons stand behind texts, the last frequency is left out. Sums and transforms are products with matrices."""

import numpy as np
import plotly.express as px
import pytorch_lightning as pl
import torch as t
import torch.nn.functional as F
import transformer_lens.utils as utils
from fancy_einsum import einsum
from sklearn.linear_model import LinearRegression
from torch.utils.data import DataLoader, TensorDataset
from transformer_lens.hook_points import HookPoint
from transformer_lens.utils import get_device

MAIN = __name__ == "__main__"
device = get_device()


def change_of_depth(toks):
    return (toks == 3).float() - (toks == 4).float()


def is_balanced_forloop(parens: str) -> bool:
    while "()" in parens:
        parens = parens.replace("()", "")
    return parens == ""


def is_balanced_vectorized(tokens):
    up_to_here = t.ones(len(tokens), len(tokens)).tril()
    altitudes = up_to_here @ change_of_depth(tokens)
    return t.logical_and(altitudes.amin() >= 0, altitudes[-1] == 0)


def is_balanced_vectorized_return_both(toks):
    change = change_of_depth(toks)
    from_here = t.ones(toks.shape[1], toks.shape[1]).tril()
    return change.sum(1).bool(), (change @ from_here).gt(0).sum(1).bool()


def tallest_balanced_bracket(length: int) -> str:
    return "".ljust(length // 2, "(").ljust(length, ")")


def add_perma_hooks_to_mask_pad_tokens(model, pad_token: int):
    pads = {}

    def see_tokens(tokens, hook: HookPoint):
        pads["now"] = (tokens == pad_token).float()[:, None, None, :]
        return tokens

    def lower_scores(attn_scores, hook: HookPoint):
        return attn_scores - 1e9 * pads["now"]

    model.hook_dict["hook_tokens"].add_perma_hook(see_tokens)
    for block in model.blocks:
        block.attn.hook_attn_scores.add_perma_hook(lower_scores)
    return model


def get_activations(model, toks, names):
    everything = model.run_with_cache(toks, return_type=None)[1]
    return everything[names] if type(names) is str else dict(zip(names, map(everything.__getitem__, names)))


def LN_hook_names(layernorm):
    after = layernorm.hook_normalized.name
    before = after.replace("ln1.hook_normalized", "hook_resid_pre").replace("ln2.hook_normalized", "hook_resid_mid")
    return before.replace("ln_final.hook_normalized", f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"), after


def get_ln_fit(model, data, layernorm, seq_pos=None):
    places = range(data.toks.shape[1]) if seq_pos is None else [seq_pos]
    both = get_activations(model, data.toks, list(LN_hook_names(layernorm)))
    inputs, outputs = (np.concatenate([utils.to_numpy(both[name][:, place]) for place in places]) for name in both)
    fit = LinearRegression()
    fit.fit(inputs, outputs)
    return fit, fit.score(inputs, outputs)


def back_through(layernorm, seq_pos, model, data, direction):
    """The direction before a LayerNorm that is this direction after it."""
    fit = get_ln_fit(model, data, layernorm, seq_pos)[0]
    return t.tensor(utils.to_numpy(direction) @ fit.coef_).float()


def get_post_final_ln_dir(model):
    return model.W_U @ t.tensor([1.0, -1.0])


def get_pre_final_ln_dir(model, data):
    return back_through(model.ln_final, 0, model, data, get_post_final_ln_dir(model))


def get_WOV(model, layer: int, head: int):
    return einsum("d_in d_head, d_head d_out -> d_in d_out", model.W_V[layer, head], model.W_O[layer, head])


def get_pre_20_dir(model, data):
    return back_through(model.blocks[2].ln1, 1, model, data, get_WOV(model, 2, 0) @ get_pre_final_ln_dir(model, data))


def get_out_by_components(model, data):
    cache = model.run_with_cache(data.toks)[1]
    components = [cache["hook_embed"] + cache["hook_pos_embed"]]
    for layer in range(model.cfg.n_layers):
        z = cache["z", layer]
        components += [z[:, :, head] @ model.W_O[layer, head] for head in range(model.cfg.n_heads)]
        components += [cache["post", layer] @ model.W_out[layer] + model.b_out[layer]]
    return t.stack(components)


def get_out_by_neuron(model, data, layer, seq=None):
    each_alone = t.diag_embed(get_activations(model, data.toks, f"blocks.{layer}.mlp.hook_post"))
    outs = each_alone @ model.W_out[layer]
    return outs if seq is None else outs[:, seq]


def get_out_by_neuron_in_20_dir(model, data, layer):
    return t.tensordot(get_out_by_neuron(model, data, layer, seq=1), get_pre_20_dir(model, data), dims=1)


def get_attn_probs(model, data, layer: int, head: int):
    return get_activations(model, data.toks, utils.get_act_name("attn", layer)).unbind(dim=1)[head]


def cos_sim_with_MLP_weights(model, v, layer):
    return t.cosine_similarity(v.unsqueeze(-1), model.W_in[layer], dim=0)


def avg_squared_cos_sim(v, n_samples: int = 1000):
    others = t.distributions.Normal(0.0, 1.0).sample((n_samples, *v.shape))
    return t.cosine_similarity(others, v.expand_as(others)).pow(2).mean()


def get_q_and_k_for_given_input(model, tokenizer: SimpleTokenizer, parens: str, layer: int):
    names = [f"blocks.{layer}.attn.hook_{which}" for which in "qk"]
    return tuple(value.squeeze(0) for value in get_activations(model, tokenizer.tokenize(parens), names).values())


def hook_fn_patch_qk(value, hook: HookPoint, new_value, head_idx=None) -> None:
    heads = slice(head_idx, None if head_idx is None else head_idx + 1)
    value[:, :, heads].copy_(new_value[..., heads, :].expand_as(value[:, :, heads]))


def make_fourier_basis(p: int):
    freqs = t.arange(1, p // 2 + 1)
    angles = t.outer(freqs, t.arange(p)) * (2 * np.pi / p)
    waves = t.stack([angles.cos(), angles.sin()], dim=1).flatten(0, 1) * (2 / p) ** 0.5
    names = [f"{wave} {freq}" for freq in freqs.tolist() for wave in ("cos", "sin")]
    return t.cat([t.full((1, p), p**-0.5), waves]).to(device), ["Const", *names]


def fft1d(tensor):
    return (tensor[..., None, :] * fourier_basis).sum(-1)


def fourier_2d_basis_term(x_index: int, y_index: int):
    return t.kron(fourier_basis[x_index], fourier_basis[y_index])


def fft2d(tensor):
    flat = tensor.reshape(p * p, -1)
    return (t.kron(fourier_basis, fourier_basis) @ flat).reshape(tensor.shape)


def fft1d_given_dim(tensor, dim: int):
    return t.tensordot(tensor, fourier_basis, dims=([dim], [1])).movedim(-1, dim)


def project_onto_direction(batch_vecs, v):
    onto = t.outer(v, v) / v.square().sum()
    return (onto @ batch_vecs.reshape(len(v), -1)).reshape(batch_vecs.shape)


def project_onto_frequency(batch_vecs, freq: int):
    waves = t.stack([fourier_basis[0], fourier_basis[2 * freq - 1], fourier_basis[2 * freq]])
    onto = waves.T @ waves
    return t.tensordot(t.kron(onto, onto), batch_vecs, dims=1)


def get_trig_sum_directions(k: int):
    sums = t.arange(p)[:, None] + t.arange(p)
    angles = 2 * np.pi * k * sums.flatten() / p
    return F.normalize(angles.cos(), dim=0), F.normalize(angles.sin(), dim=0)


def find_neuron_freqs(fourier_neuron_acts):
    waves = t.arange(len(fourier_neuron_acts))
    freqs = t.arange(1, len(waves) // 2)  # as it stands in that edition: the last frequency is left out
    belongs = ((waves == 0) | ((waves + 1) // 2 == freqs[:, None])).float()
    powers = fourier_neuron_acts**2
    by_freq = t.einsum("fx,fy,xyn->fn", belongs, belongs, powers) / powers.flatten(0, 1).sum(0)
    return freqs[by_freq.argmax(0)], by_freq.amax(0)


def fourier_embed(model):
    return t.linalg.vector_norm(fft1d(model.embed.W_E[:-1].T), dim=0) ** 2


def embed_SVD(model):
    return np.linalg.svd(utils.to_numpy(model.embed.W_E[:, :-1]), compute_uv=False)


def excl_loss(model, key_freqs: list) -> list:
    logits = model(all_data)[:, -1, :-1]

    def loss_without(freq):
        waves = t.stack(get_trig_sum_directions(freq))
        return test_logits(logits - waves.T @ (waves @ logits), mode="train")

    return list(map(loss_without, key_freqs))


def tensor_trig_ratio(model, mode: str):
    hook_name = {"neuron_pre": "blocks.0.mlp.hook_pre", "neuron_post": "blocks.0.mlp.hook_post", "logit": None}.get(
        mode, "?"
    )
    if hook_name == "?":
        raise ValueError(mode)
    values = model(all_data)[..., :-1] if hook_name is None else get_activations(model, all_data, hook_name)
    values = values[:, -1].sub(values[:, -1].mean(0, keepdim=True))
    waves = t.cat([t.stack(get_trig_sum_directions(freq)) for freq in key_freqs])
    part = waves.T @ waves @ values
    return utils.to_numpy(part.norm(dim=0) / values.norm(dim=0)) ** 2


def get_board_states_and_legal_moves(games_square):
    states, legal, annotations = [], [], []
    for game in utils.to_numpy(games_square):
        board = OthelloBoardState()
        for square in game:
            board.umpire(int(square))
            states.append(board.state.copy())
            legal.append(np.isin(np.arange(64), board.get_valid_moves()))
            annotations.append(np.where(legal[-1], "o", ""))
    shape = (*games_square.shape, 8, 8)
    return t.tensor(np.array(states)).reshape(shape), t.tensor(np.array(legal)).long().reshape(shape), annotations


def probe_loss(resid, linear_probe, states):
    total = 0.0
    for probe, moves in zip(linear_probe, [np.s_[:, ::2], np.s_[:, 1::2], np.s_[:, :]]):
        logits = t.tensordot(resid[moves], probe, dims=1)
        right = t.take_along_dim(logits, states[moves].unsqueeze(-1), dim=-1).squeeze(-1)
        total = total + (logits.logsumexp(-1) - right).flatten(2).sum(-1).mean()
    return total


class LitLinearProbe(pl.LightningModule):
    """In 2023 Lightning had the loop; here it is in the function below."""

    def configure_optimizers(self):
        return t.optim.AdamW([self.linear_probe], lr=1e-4, betas=(0.9, 0.99), weight_decay=0.01)


def train_linear_probe(linear_probe, optimizer, resid, states, batch_size, epochs):
    loader = DataLoader(TensorDataset(resid, states), batch_size=batch_size, shuffle=True)
    history = []
    for epoch in range(epochs):
        for some_resid, some_states in loader:
            loss = probe_loss(some_resid, linear_probe, some_states)
            (linear_probe.grad,) = t.autograd.grad(loss, linear_probe)
            optimizer.step()
            history.append(float(loss.detach()))
    return history


def probe_accuracies(resid, probe, states):
    guesses = t.tensordot(resid, probe, dims=1).max(-1).indices
    return guesses.eq(states).flatten(0, 1).double().mean(0).float()


def apply_scale(resid, flip_dir, scale: int, pos: int):
    onto = t.outer(flip_dir, flip_dir) / flip_dir.dot(flip_dir)
    resid[0, pos] = (t.eye(len(flip_dir)) - (1 + scale) * onto) @ resid[0, pos]
    return resid


def calculate_neuron_input_weights(model, probe, layer: int, neuron: int):
    return t.cosine_similarity(model.W_in[layer].T[neuron][:, None, None], probe, dim=0)


def calculate_neuron_output_weights(model, probe, layer: int, neuron: int):
    return F.normalize(probe.flatten(1), dim=0).T.matmul(F.normalize(model.W_out[layer][neuron], dim=0)).reshape(8, 8)


def patching_metric(patched_logits):
    log_prob = -F.cross_entropy(patched_logits[:, -1], t.tensor([f0_index]))
    return t.lerp(
        t.zeros(()), t.ones(()), (log_prob - corrupted_f0_log_prob) / (clean_f0_log_prob - corrupted_f0_log_prob)
    )


if MAIN:
    model = HookedTransformer.from_pretrained("brackets")
    px.imshow(make_fourier_basis(113)[0]).show()
