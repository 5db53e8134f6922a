"""As the edition of 2023 has it: a global model and cache, head_ablation_hook on results, loss over all tokens."""

import functools
from typing import Callable, List, Optional, Tuple

import einops
import plotly.express as px
import torch as t
import transformer_lens.utils as utils
from fancy_einsum import einsum
from IPython.display import display
from neel_plotly import line
from torch import Tensor
from tqdm import tqdm
from transformer_lens import ActivationCache, FactoredMatrix, HookedTransformer
from transformer_lens.hook_points import HookPoint

device = t.device("cpu")
MAIN = __name__ == "__main__"


def current_attn_detector(cache: ActivationCache) -> List[str]:
    heads = []
    for l in range(model.cfg.n_layers):
        diagonals = cache["pattern", l].diagonal(dim1=-2, dim2=-1).mean(-1)
        heads += [f"{l}.{h}" for h in range(model.cfg.n_heads) if diagonals[h] > 0.5]
    return heads


def prev_attn_detector(cache: ActivationCache) -> List[str]:
    heads = []
    for l in range(model.cfg.n_layers):
        pattern = cache[f"blocks.{l}.attn.hook_pattern"]
        for h in range(model.cfg.n_heads):
            if t.diagonal(pattern[h], offset=-1).mean() > 0.3:
                heads.append(f"{l}.{h}")
    return heads


def first_attn_detector(cache: ActivationCache) -> List[str]:
    return [
        f"{l}.{h}"
        for l in range(model.cfg.n_layers)
        for h in range(model.cfg.n_heads)
        if cache["pattern", l][h][:, 0].mean() > 0.4
    ]


def generate_repeated_tokens(model, seq_len, batch=1):
    half = t.randint(low=0, high=model.cfg.d_vocab, size=(batch, seq_len))
    repeated = einops.repeat(half, "b s -> b (2 s)")
    bos = t.full((batch, 1), model.tokenizer.bos_token_id, dtype=t.long)
    return t.cat([bos, repeated], dim=-1)


def run_and_cache_model_repeated_tokens(model, seq_len, batch=1) -> Tuple[t.Tensor, t.Tensor, ActivationCache]:
    rep_tokens = generate_repeated_tokens(model, seq_len, batch)
    rep_logits, rep_cache = model.run_with_cache(rep_tokens, remove_batch_dim=(batch == 1))
    return rep_tokens, rep_logits, rep_cache


def induction_attn_detector(cache: ActivationCache) -> List[str]:
    found = []
    for l in range(model.cfg.n_layers):
        for h in range(model.cfg.n_heads):
            pattern = cache["pattern", l][h]
            half = (pattern.size(0) - 1) // 2
            stripe = pattern[half + 1 :, 2 : half + 2].diag()
            if stripe.mean() > 0.4:
                found.append(f"{l}.{h}")
    return found


def induction_score_hook(pattern, hook: HookPoint):
    n = pattern.shape[-1] // 2
    stripe = pattern[:, :, n + 1 :, 2 : n + 2].diagonal(dim1=2, dim2=3)
    induction_score_store[hook.layer()] = stripe.mean(dim=[0, 2])


def logit_attribution(embed, l1_results, l2_results, W_U, tokens):
    W_U_to_logits = W_U[:, tokens[1:]]
    path1 = einsum("emb seq, seq emb -> seq", W_U_to_logits, embed[:-1])
    path2 = einsum("emb seq, seq nhead emb -> seq nhead", W_U_to_logits, l1_results[:-1])
    path3 = einsum("emb seq, seq nhead emb -> seq nhead", W_U_to_logits, l2_results[:-1])
    return t.cat([path1.unsqueeze(-1), path2, path3], dim=-1)


def head_ablation_hook(attn_result, hook: HookPoint, head_index_to_ablate: int):
    attn_result[:, :, head_index_to_ablate, :] = 0.0
    return attn_result


def head_mean_ablation_hook(attn_result, hook: HookPoint, head_index_to_ablate: int):
    mean = t.mean(attn_result[:, :, head_index_to_ablate, :], dim=0, keepdim=True)
    attn_result[:, :, head_index_to_ablate, :] = mean
    return attn_result


def cross_entropy_loss(logits, tokens):
    log_probs = t.nn.functional.log_softmax(logits, dim=-1)
    pred = t.gather(log_probs[:, :-1], -1, tokens[:, 1:, None])[..., 0]
    return -pred.mean()


def get_ablation_scores(model: HookedTransformer, tokens):
    ablation_scores = t.zeros((model.cfg.n_layers, model.cfg.n_heads), device=device)
    model.reset_hooks()
    logits = model(tokens, return_type="logits")
    loss_no_ablation = cross_entropy_loss(logits, tokens)
    for layer in tqdm(range(model.cfg.n_layers)):
        for head in range(model.cfg.n_heads):
            temp_hook_fn = functools.partial(head_ablation_hook, head_index_to_ablate=head)
            ablated_logits = model.run_with_hooks(
                tokens, fwd_hooks=[(utils.get_act_name("result", layer), temp_hook_fn)]
            )
            loss = cross_entropy_loss(ablated_logits, tokens)
            ablation_scores[layer, head] = loss - loss_no_ablation
    return ablation_scores


def full_ov_circuit(W_E, W_V, W_O, W_U):
    OV = FactoredMatrix(W_V, W_O)
    return W_E @ OV @ W_U


def top_1_acc(full_OV_circuit: FactoredMatrix) -> float:
    return (full_OV_circuit.AB.argmax(dim=1) == t.arange(full_OV_circuit.ldim)).float().mean().item()


def pos_pattern(W_pos, W_Q, W_K, d_head):
    scores = (W_pos @ FactoredMatrix(W_Q, W_K.T) @ W_pos.T).AB / d_head**0.5
    future = t.triu(t.ones_like(scores), diagonal=1).bool()
    scores[future] = -1e6
    return scores.softmax(-1)


def decompose_qk_input(cache: ActivationCache):
    y0 = cache["embed"][None]
    y1 = cache["hook_pos_embed"][None]
    y_rest = einops.rearrange(cache["result", 0], "seq heads d -> heads seq d")
    return t.cat([y0, y1, y_rest])


def decompose_q(decomposed_qk_input, ind_head_index):
    return einsum("n seq d_model, d_model d_head -> n seq d_head", decomposed_qk_input, model.W_Q[1, ind_head_index])


def decompose_k(decomposed_qk_input, ind_head_index):
    return einsum("n seq d_model, d_model d_head -> n seq d_head", decomposed_qk_input, model.W_K[1, ind_head_index])


def decompose_attn_scores(decomposed_q, decomposed_k):
    return einsum("q_comp q_pos d, k_comp k_pos d -> q_comp k_comp q_pos k_pos", decomposed_q, decomposed_k)


def find_K_comp_full_circuit(model, prev_token_head_index, ind_head_index) -> FactoredMatrix:
    QK = FactoredMatrix(model.W_Q[1, ind_head_index], model.W_K[1, ind_head_index].T)
    OV = FactoredMatrix(model.W_V[0, prev_token_head_index], model.W_O[0, prev_token_head_index])
    return model.W_E @ QK @ OV.T @ model.W_E.T


def frobenius_norm(tensor):
    return tensor.pow(2).sum([-2, -1])


def get_comp_score(W_A, W_B) -> float:
    return t.sqrt(frobenius_norm(W_A @ W_B) / (frobenius_norm(W_A) * frobenius_norm(W_B))).item()


def ablation_induction_score(prev_head_index: int, ind_head_index: int) -> float:
    def ablation_hook(v, hook):
        v[:, :, prev_head_index] = 0.0
        return v

    def induction_pattern_hook(attn, hook):
        hook.ctx[prev_head_index] = attn[0, ind_head_index].diag(-(seq_len - 1)).mean()

    model.run_with_hooks(
        rep_tokens,
        fwd_hooks=[
            (utils.get_act_name("v", 0), ablation_hook),
            (utils.get_act_name("pattern", 1), induction_pattern_hook),
        ],
    )
    return model.blocks[1].attn.hook_pattern.ctx[prev_head_index]


def logits_to_ave_logit_diff(logits, answer_tokens=answer_tokens, per_prompt=False):
    last = logits[:, -1, :]
    rows = t.arange(len(last))
    diff = last[rows, answer_tokens[:, 0]] - last[rows, answer_tokens[:, 1]]
    return diff if per_prompt else diff.mean()


def residual_stack_to_logit_diff(residual_stack, cache, logit_diff_directions=logit_diff_directions):
    scaled = cache.apply_ln_to_stack(residual_stack, layer=-1, pos_slice=-1)
    return einsum("... batch d, batch d -> ...", scaled, logit_diff_directions) / residual_stack.shape[-2]


def ioi_metric(logits, answer_tokens=answer_tokens, corrupted_logit_diff=corrupted_logit_diff, clean_logit_diff=clean_logit_diff):
    patched = logits_to_ave_logit_diff(logits, answer_tokens)
    return ((patched - corrupted_logit_diff) / (clean_logit_diff - corrupted_logit_diff)).item()


def patch_residual_component(corrupted_residual_component, hook, pos, clean_cache):
    corrupted_residual_component[:, pos, :] = clean_cache[hook.name][:, pos, :]
    return corrupted_residual_component


def patch_head_vector(corrupted_head_vector, hook, head_index, clean_cache):
    corrupted_head_vector[:, :, head_index] = clean_cache[hook.name][:, :, head_index]
    return corrupted_head_vector


def get_act_patch_resid_pre(model, corrupted_tokens, clean_cache, patching_metric):
    model.reset_hooks()
    layers, positions = model.cfg.n_layers, corrupted_tokens.shape[-1]
    results = t.zeros(layers, positions)
    for layer in tqdm(range(layers)):
        for pos in range(positions):
            fn = functools.partial(patch_residual_component, pos=pos, clean_cache=clean_cache)
            logits = model.run_with_hooks(
                corrupted_tokens, fwd_hooks=[(utils.get_act_name("resid_pre", layer), fn)], return_type="logits"
            )
            results[layer, pos] = patching_metric(logits)
    return results


def get_act_patch_attn_head_out_all_pos(model, corrupted_tokens, clean_cache, patching_metric):
    model.reset_hooks()
    results = t.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for layer in tqdm(range(model.cfg.n_layers)):
        for head in range(model.cfg.n_heads):
            fn = functools.partial(patch_head_vector, head_index=head, clean_cache=clean_cache)
            logits = model.run_with_hooks(corrupted_tokens, fwd_hooks=[(utils.get_act_name("z", layer), fn)])
            results[layer, head] = patching_metric(logits)
    return results


def patch_or_freeze_head_vectors(orig_head_vector, hook, new_cache, orig_cache, head_to_patch):
    orig_head_vector[...] = orig_cache[hook.name][...]
    if head_to_patch[0] == hook.layer():
        orig_head_vector[:, :, head_to_patch[1]] = new_cache[hook.name][:, :, head_to_patch[1]]
    return orig_head_vector


def get_path_patch_head_to_final_resid_post(
    model: HookedTransformer,
    patching_metric: Callable,
    new_dataset: IOIDataset = abc_dataset,
    orig_dataset: IOIDataset = ioi_dataset,
    new_cache: Optional[ActivationCache] = abc_cache,
    orig_cache: Optional[ActivationCache] = ioi_cache,
):
    model.reset_hooks()
    results = t.zeros(model.cfg.n_layers, model.cfg.n_heads)
    last = utils.get_act_name("resid_post", model.cfg.n_layers - 1)
    z_filter = lambda name: name.endswith("z")
    if new_cache is None:
        new_logits, new_cache = model.run_with_cache(new_dataset.toks, names_filter=z_filter)
    if orig_cache is None:
        orig_logits, orig_cache = model.run_with_cache(orig_dataset.toks, names_filter=z_filter)
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            fn = functools.partial(
                patch_or_freeze_head_vectors, new_cache=new_cache, orig_cache=orig_cache, head_to_patch=(layer, head)
            )
            model.add_hook(z_filter, fn, level=1)
            _, patched_cache = model.run_with_cache(orig_dataset.toks, names_filter=lambda name: name == last, return_type=None)
            model.reset_hooks()
            results[layer, head] = patching_metric(model.unembed(model.ln_final(patched_cache[last])))
    return results


def patch_head_input(orig_activation, hook, patched_cache, head_list):
    for layer, head in head_list:
        if layer == hook.layer():
            orig_activation[:, :, head] = patched_cache[hook.name][:, :, head]
    return orig_activation


def get_path_patch_head_to_heads(
    receiver_heads: List[Tuple[int, int]],
    receiver_input: str,
    model: HookedTransformer,
    patching_metric: Callable,
    new_dataset: IOIDataset = abc_dataset,
    orig_dataset: IOIDataset = ioi_dataset,
    new_cache: Optional[ActivationCache] = None,
    orig_cache: Optional[ActivationCache] = None,
):
    model.reset_hooks()
    receiver_layers = set([layer for layer, head in receiver_heads])
    receiver_names = [utils.get_act_name(receiver_input, layer) for layer in receiver_layers]
    receiver_filter = lambda name: name in receiver_names
    z_filter = lambda name: name.endswith("z")
    results = t.zeros(max(receiver_layers), model.cfg.n_heads)
    if new_cache is None:
        _, new_cache = model.run_with_cache(new_dataset.toks, names_filter=z_filter, return_type=None)
    if orig_cache is None:
        _, orig_cache = model.run_with_cache(orig_dataset.toks, names_filter=z_filter, return_type=None)
    for layer in range(max(receiver_layers)):
        for head in range(model.cfg.n_heads):
            fn = functools.partial(
                patch_or_freeze_head_vectors, new_cache=new_cache, orig_cache=orig_cache, head_to_patch=(layer, head)
            )
            model.add_hook(z_filter, fn, level=1)
            _, patched_cache = model.run_with_cache(orig_dataset.toks, names_filter=receiver_filter, return_type=None)
            model.reset_hooks()
            fn = functools.partial(patch_head_input, patched_cache=patched_cache, head_list=receiver_heads)
            logits = model.run_with_hooks(orig_dataset.toks, fwd_hooks=[(receiver_filter, fn)], return_type="logits")
            results[layer, head] = patching_metric(logits)
    return results
