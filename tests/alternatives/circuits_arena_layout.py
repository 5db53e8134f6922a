"""In the layout of ARENA: libraries that are not there, a MAIN block, names of the file that are set elsewhere."""

import einops
import numpy as np
import plotly.express as px
import torch as t
import transformer_lens
from fancy_einsum import einsum
from IPython.display import display
from sklearn.linear_model import LinearRegression
from torch import Tensor
from tqdm import tqdm
from transformer_lens import ActivationCache, HookedTransformer, utils
from transformer_lens.hook_points import HookPoint

MAIN = __name__ == "__main__"
device = t.device("cpu")


def is_balanced_forloop(parens: str) -> bool:
    cumsum = 0
    for paren in parens:
        cumsum += 1 if paren == "(" else -1
        if cumsum < 0:
            return False
    return cumsum == 0


def is_balanced_vectorized(tokens) -> bool:
    table = t.tensor([0, 0, 0, 1, -1])
    altitude = t.cumsum(table[tokens], dim=0)
    return (altitude[-1] == 0) & ~(altitude < 0).any()


def is_balanced_vectorized_return_both(toks):
    table = t.tensor([0, 0, 0, 1, -1]).to(toks.device)
    altitude = t.flip(table[toks], (1,)).cumsum(-1)
    return altitude[:, -1] != 0, altitude.max(-1).values > 0


def tallest_balanced_bracket(length: int) -> str:
    return "".join(["(" for _ in range(length // 2)] + [")" for _ in range(length // 2)])


def get_activations(model: HookedTransformer, toks, names):
    names_list = [names] if isinstance(names, str) else names
    _, cache = model.run_with_cache(toks, return_type=None, names_filter=lambda name: name in names_list)
    return cache[names] if isinstance(names, str) else cache


def LN_hook_names(layernorm):
    if layernorm.name == "ln_final":
        return utils.get_act_name("resid_post", 2), "ln_final.hook_normalized"
    layer, ln = layernorm.name.split(".")[1:]
    inside = utils.get_act_name("resid_pre" if ln == "ln1" else "resid_mid", layer)
    return inside, utils.get_act_name("normalized", layer, ln)


def get_post_final_ln_dir(model: HookedTransformer):
    W_U = model.W_U
    return W_U.T[0] - W_U.T[1]


def get_out_by_components(model: HookedTransformer, data):
    embeds = ["hook_embed", "hook_pos_embed"]
    heads = [utils.get_act_name("result", layer) for layer in range(model.cfg.n_layers)]
    mlps = [utils.get_act_name("mlp_out", layer) for layer in range(model.cfg.n_layers)]
    activations = get_activations(model, data.toks, embeds + heads + mlps)
    out = (activations["hook_embed"] + activations["hook_pos_embed"]).unsqueeze(0)
    for head, mlp in zip(heads, mlps):
        results = einops.rearrange(activations[head], "batch seq heads emb -> heads batch seq emb")
        out = t.concat([out, results, activations[mlp].unsqueeze(0)])
    return out


def get_out_by_neuron(model, data, layer, seq=None):
    acts = get_activations(model, data.toks, utils.get_act_name("post", layer))
    if seq is not None:
        acts = acts[:, seq, :]
    return einops.einsum(acts, model.W_out[layer], "... neuron, neuron emb -> ... neuron emb")


def get_WOV(model: HookedTransformer, layer: int, head: int):
    return model.W_V[layer, head] @ model.W_O[layer, head]


def cos_sim_with_MLP_weights(model, v, layer):
    v_unit = v / v.norm()
    W_in_unit = model.W_in[layer] / model.W_in[layer].norm(dim=0)
    return einops.einsum(v_unit, W_in_unit, "emb, emb neuron -> neuron")


def avg_squared_cos_sim(v, n_samples: int = 1000) -> float:
    v2 = t.randn(n_samples, v.shape[0]).to(device)
    v2 /= v2.norm(dim=1, keepdim=True)
    return ((v2 * (v / v.norm())).sum(1) ** 2).mean().item()


def hook_fn_patch_qk(value, hook: HookPoint, new_value, head_idx=None) -> None:
    if head_idx is not None:
        value[..., head_idx, :] = new_value[..., head_idx, :]
    else:
        value[...] = new_value[...]


def make_fourier_basis(p: int):
    fourier_basis = t.ones(p, p)
    names = ["Const"]
    for i in range(1, p // 2 + 1):
        fourier_basis[2 * i - 1] = t.cos(2 * t.pi * t.arange(p) * i / p)
        fourier_basis[2 * i] = t.sin(2 * t.pi * t.arange(p) * i / p)
        names.extend([f"cos {i}", f"sin {i}"])
    fourier_basis /= fourier_basis.norm(dim=1, keepdim=True)
    return fourier_basis.to(device), names


def fft1d(tensor: Tensor) -> Tensor:
    return tensor @ fourier_basis.T


def fourier_2d_basis_term(x_index: int, y_index: int):
    return fourier_basis[x_index][:, None] * fourier_basis[y_index][None, :]


def fft2d(tensor: Tensor) -> Tensor:
    assert tensor.shape[:2] == (p, p)
    return einops.einsum(fourier_basis, fourier_basis, tensor, "i x, j y, x y ... -> i j ...")


def fft1d_given_dim(tensor: Tensor, dim: int) -> Tensor:
    return fft1d(tensor.transpose(dim, -1)).transpose(dim, -1)


def project_onto_direction(batch_vecs: Tensor, v: Tensor) -> Tensor:
    components = einops.einsum(batch_vecs, v / v.norm(), "n ..., n -> ...")
    return einops.einsum(components, v / v.norm(), "..., n -> n ...")


def project_onto_frequency(batch_vecs: Tensor, freq: int) -> Tensor:
    assert batch_vecs.shape[0] == p**2
    rows = [0, 2 * freq - 1, 2 * freq]
    return sum(project_onto_direction(batch_vecs, fourier_2d_basis_term(i, j).flatten()) for i in rows for j in rows)


def apply_scale(resid, flip_dir, scale: int, pos: int):
    flip_dir_normed = flip_dir / flip_dir.norm()
    alpha = resid[0, pos] @ flip_dir_normed
    resid[0, pos] -= (scale + 1) * alpha * flip_dir_normed
    return resid


def calculate_neuron_input_weights(model, probe, layer: int, neuron: int):
    w_in = model.W_in[layer, :, neuron].detach().clone()
    w_in /= w_in.norm()
    return einops.einsum(w_in, probe / probe.norm(dim=0, keepdim=True), "d, d row col -> row col")


def calculate_neuron_output_weights(model, probe, layer: int, neuron: int):
    w_out = model.W_out[layer, neuron, :].detach().clone()
    w_out /= w_out.norm()
    return einops.einsum(w_out, probe / probe.norm(dim=0, keepdim=True), "d, d row col -> row col")


def patching_metric(patched_logits):
    log_probs = patched_logits.log_softmax(dim=-1)
    return (log_probs[0, -1, F0_index] - corrupted_F0_log_prob) / (original_F0_log_prob - corrupted_F0_log_prob)


def add_perma_hooks_to_mask_pad_tokens(model: HookedTransformer, pad_token: int) -> HookedTransformer:
    def cache_padding_tokens_mask(tokens, hook: HookPoint) -> None:
        hook.ctx["padding_tokens_mask"] = einops.rearrange(tokens == pad_token, "b sK -> b 1 1 sK")

    def apply_padding_tokens_mask(attn_scores, hook: HookPoint) -> None:
        attn_scores.masked_fill_(model.hook_dict["hook_tokens"].ctx["padding_tokens_mask"], -1e5)
        if hook.layer() == model.cfg.n_layers - 1:
            model.hook_dict["hook_tokens"].ctx["padding_tokens_mask"] = None

    for name, hook in model.hook_dict.items():
        if name == "hook_tokens":
            hook.add_perma_hook(cache_padding_tokens_mask)
        elif name.endswith("attn_scores"):
            hook.add_perma_hook(apply_padding_tokens_mask)
    return model


def get_ln_fit(model, data, layernorm, seq_pos=None):
    input_hook_name, output_hook_name = LN_hook_names(layernorm)
    activations_dict = get_activations(model, data.toks, [input_hook_name, output_hook_name])
    inputs = utils.to_numpy(activations_dict[input_hook_name])
    outputs = utils.to_numpy(activations_dict[output_hook_name])
    if seq_pos is None:
        inputs = einops.rearrange(inputs, "batch seq d_model -> (batch seq) d_model")
        outputs = einops.rearrange(outputs, "batch seq d_model -> (batch seq) d_model")
    else:
        inputs, outputs = inputs[:, seq_pos, :], outputs[:, seq_pos, :]
    final_ln_fit = LinearRegression().fit(inputs, outputs)
    return final_ln_fit, final_ln_fit.score(inputs, outputs)


def get_pre_final_ln_dir(model, data):
    post_final_ln_dir = get_post_final_ln_dir(model)
    final_ln_fit = get_ln_fit(model, data, layernorm=model.ln_final, seq_pos=0)[0]
    final_ln_coefs = t.from_numpy(final_ln_fit.coef_).to(device)
    return final_ln_coefs.float().T @ post_final_ln_dir


def get_pre_20_dir(model, data):
    W_OV = get_WOV(model, 2, 0)
    layer2_ln_fit, r2 = get_ln_fit(model, data, layernorm=model.blocks[2].ln1, seq_pos=1)
    layer2_ln_coefs = t.from_numpy(layer2_ln_fit.coef_).float().to(device)
    return layer2_ln_coefs.T @ W_OV @ get_pre_final_ln_dir(model, data)


def get_out_by_neuron_in_20_dir(model, data, layer):
    out_by_neuron_seqpos1 = get_out_by_neuron(model, data, layer, seq=1)
    return einops.einsum(out_by_neuron_seqpos1, get_pre_20_dir(model, data), "batch neuron d, d -> neuron batch")


def get_attn_probs(model, data, layer: int, head: int):
    return get_activations(model, data.toks, utils.get_act_name("pattern", layer))[:, head, :, :]


def get_q_and_k_for_given_input(model, tokenizer: SimpleTokenizer, parens: str, layer: int):
    q_name, k_name = utils.get_act_name("q", layer), utils.get_act_name("k", layer)
    activations = get_activations(model, tokenizer.tokenize(parens), [q_name, k_name])
    return activations[q_name][0], activations[k_name][0]


def get_trig_sum_directions(k: int):
    cosx_cosy = fourier_2d_basis_term(2 * k - 1, 2 * k - 1)
    sinx_siny = fourier_2d_basis_term(2 * k, 2 * k)
    sinx_cosy = fourier_2d_basis_term(2 * k, 2 * k - 1)
    cosx_siny = fourier_2d_basis_term(2 * k - 1, 2 * k)
    return (cosx_cosy - sinx_siny) / np.sqrt(2), (sinx_cosy + cosx_siny) / np.sqrt(2)


def arrange_by_2d_freqs(tensor):
    idx_y, idx_x = [], []
    for freq in range(1, p // 2):  # as it stands there: the last frequency is left out
        idx_1d = [0, 2 * freq - 1, 2 * freq]
        idx_x.append([[i for j in range(3)] for i in idx_1d])
        idx_y.append([[i for i in idx_1d] for j in range(3)])
    return tensor[idx_y, idx_x]


def find_neuron_freqs(fourier_neuron_acts):
    by_freq = arrange_by_2d_freqs(fourier_neuron_acts)
    square_of_all_terms = einops.reduce(fourier_neuron_acts.pow(2), "x y neuron -> neuron", "sum")
    square_of_each_freq = einops.reduce(by_freq.pow(2), "freq x y neuron -> freq neuron", "sum")
    neuron_variance_explained, neuron_freqs = square_of_each_freq.max(0)
    neuron_variance_explained /= square_of_all_terms
    neuron_freqs += 1
    return neuron_freqs, neuron_variance_explained


def fourier_embed(model: HookedTransformer):
    W_E_fourier = fft1d(model.embed.W_E[:-1].T)
    return einops.reduce(W_E_fourier.pow(2), "d_model vocab -> vocab", "sum")


def embed_SVD(model: HookedTransformer):
    U, S, V = t.svd(model.embed.W_E[:, :-1])
    return utils.to_numpy(S)


def excl_loss(model: HookedTransformer, key_freqs: list) -> list:
    excl_loss_list = []
    logits = model(all_data)[:, -1, :-1]
    for freq in key_freqs:
        cos_xplusy_direction, sin_xplusy_direction = get_trig_sum_directions(freq)
        logits_cos_xplusy = project_onto_direction(logits, cos_xplusy_direction.flatten())
        logits_sin_xplusy = project_onto_direction(logits, sin_xplusy_direction.flatten())
        logits_excl = logits - logits_cos_xplusy - logits_sin_xplusy
        excl_loss_list.append(test_logits(logits_excl, bias_correction=False, mode="train").item())
    return excl_loss_list


def tensor_trig_ratio(model: HookedTransformer, mode: str):
    logits, cache = model.run_with_cache(all_data)
    logits = logits[:, -1, :-1]
    if mode == "neuron_pre":
        tensor = cache["pre", 0][:, -1]
    elif mode == "neuron_post":
        tensor = cache["post", 0][:, -1]
    elif mode == "logit":
        tensor = logits
    else:
        raise ValueError(f"{mode} is not a valid mode")
    tensor_centered = tensor - einops.reduce(tensor, "xy index -> 1 index", "mean")
    tensor_var = einops.reduce(tensor_centered.pow(2), "xy index -> index", "sum")
    tensor_trig_vars = []
    for freq in key_freqs:
        for direction in get_trig_sum_directions(freq):
            tensor_trig_vars.append(einops.einsum(direction.flatten(), tensor_centered, "xy, xy index -> index").pow(2))
    return utils.to_numpy(sum(tensor_trig_vars) / tensor_var)


def get_board_states_and_legal_moves(games_square):
    num_games, num_moves = games_square.shape
    states = t.zeros((num_games, num_moves, 8, 8), dtype=t.int32)
    legal_moves = t.zeros((num_games, num_moves, 8, 8), dtype=t.int32)
    legal_moves_annotation = []
    for n in range(num_games):
        board = OthelloBoardState()
        for i in range(num_moves):
            board.umpire(games_square[n, i].item())
            states[n, i] = t.from_numpy(board.state)
            moves = board.get_valid_moves()
            legal_moves[n, i].flatten()[moves] = 1
            legal_moves_annotation.append(["o" if j in moves else "" for j in range(64)])
    return states, legal_moves, legal_moves_annotation


def probe_loss(resid, linear_probe, states):
    state_one_hot = t.nn.functional.one_hot(states, linear_probe.shape[-1])
    probe_out = einops.einsum(
        resid, linear_probe, "batch pos d_model, modes d_model row col options -> modes batch pos row col options"
    )
    probe_log_probs = probe_out.log_softmax(-1)
    probe_correct_log_probs = (
        einops.reduce(probe_log_probs * state_one_hot, "modes batch pos row col options -> modes pos row col", "mean")
        * linear_probe.shape[-1]
    )
    loss_even = -probe_correct_log_probs[0, 0::2].mean(0).sum()
    loss_odd = -probe_correct_log_probs[1, 1::2].mean(0).sum()
    loss_all = -probe_correct_log_probs[2, :].mean(0).sum()
    return loss_even + loss_odd + loss_all


class LinearProbeTrainer:
    def __init__(self, linear_probe, optimizer, resid, states, args):
        self.linear_probe, self.optimizer, self.args = linear_probe, optimizer, args
        self.resid, self.states = resid, states

    def shuffle_training_indices(self):
        n_games = self.resid.shape[0]
        full_train_indices = t.randperm(n_games)[: n_games - (n_games % self.args["batch_size"])]
        return einops.rearrange(full_train_indices, "(batch game) -> batch game", game=self.args["batch_size"])

    def training_step(self, indices):
        return probe_loss(self.resid[indices], self.linear_probe, self.states[indices])

    def train(self):
        losses = []
        for epoch in range(self.args["epochs"]):
            for indices in tqdm(self.shuffle_training_indices()):
                loss = self.training_step(indices)
                loss.backward()
                self.optimizer.step()
                self.optimizer.zero_grad()
                losses.append(loss.item())
        return losses


def train_linear_probe(linear_probe, optimizer, resid, states, batch_size: int, epochs: int):
    return LinearProbeTrainer(linear_probe, optimizer, resid, states, dict(batch_size=batch_size, epochs=epochs)).train()


def probe_accuracies(resid, probe, states):
    probe_out = einops.einsum(resid, probe, "game move d_model, d_model row col options -> game move row col options")
    correct_answers = probe_out.argmax(-1) == states
    return einops.reduce(correct_answers.float(), "game move row col -> row col", "mean")


if MAIN:
    model = HookedTransformer.from_pretrained("brackets")
    px.line(make_fourier_basis(113)[0]).show()
