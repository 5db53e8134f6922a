"""Plain loops over texts, heads and positions; hooks return copies; hooks are added by hand and removed in the end."""

import math

import torch

from exercises.given.hooked import FactoredMatrix


def mean_attention(pattern, where):
    pairs = [(q, where(q)) for q in range(pattern.shape[0]) if 0 <= where(q) <= q]
    return sum(pattern[q, k].item() for q, k in pairs) / max(1, len(pairs))


def heads(cache, where):
    found = []
    for layer in range(cache.model.cfg.n_layers):
        for head in range(cache.model.cfg.n_heads):
            if mean_attention(cache["blocks.%d.attn.hook_pattern" % layer][head], where) > 0.45:
                found.append("%d.%d" % (layer, head))
    return found


def current_attn_detector(cache):
    return heads(cache, lambda q: q)


def prev_attn_detector(cache):
    return heads(cache, lambda q: q - 1)


def first_attn_detector(cache):
    return heads(cache, lambda q: 0)


def induction_attn_detector(cache):
    half = cache["pattern", 0].shape[-1] // 2
    return heads(cache, lambda q: q - half + 1)


def generate_repeated_tokens(model, seq_len, batch_size=1):
    rows = []
    for _ in range(batch_size):
        half = [int(torch.randint(model.cfg.d_vocab, ())) for _ in range(seq_len)]
        rows.append([model.tokenizer.bos_token_id] + half + half)
    return torch.tensor(rows)


def run_and_cache_model_repeated_tokens(model, seq_len, batch_size=1):
    tokens = generate_repeated_tokens(model, seq_len, batch_size)
    return (tokens, *model.run_with_cache(tokens))


def induction_score_hook(pattern, hook):
    batch, heads_, size, _ = pattern.shape
    for head in range(heads_):
        scores = [pattern[b, head, q, q - seq_len + 1].item() for b in range(batch) for q in range(seq_len + 1, size)]
        induction_score_store[hook.layer()][head] = sum(scores) / len(scores)


def logit_attribution(embed, l1_results, l2_results, W_U, tokens):
    rows = []
    for i in range(len(tokens) - 1):
        column = W_U[:, tokens[i + 1]]
        parts = [embed[i], *l1_results[i], *l2_results[i]]
        rows.append(torch.stack([part @ column for part in parts]))
    return torch.stack(rows)


def head_zero_ablation_hook(z, hook, head_index_to_ablate):
    kept = z.clone()
    for text in range(z.shape[0]):
        for pos in range(z.shape[1]):
            kept[text, pos, head_index_to_ablate] = torch.zeros(z.shape[3])
    return kept


def head_mean_ablation_hook(z, hook, head_index_to_ablate):
    kept = z.clone()
    for pos in range(z.shape[1]):
        mean = sum(z[text, pos, head_index_to_ablate] for text in range(z.shape[0])) / z.shape[0]
        for text in range(z.shape[0]):
            kept[text, pos, head_index_to_ablate] = mean
    return kept


def second_half_loss(logits, tokens):
    half = tokens.shape[1] // 2
    total = 0.0
    for b in range(len(tokens)):
        for i in range(half, tokens.shape[1] - 1):
            total -= logits[b, i].log_softmax(-1)[tokens[b, i + 1]].item()
    return total / len(tokens) / half


def changed(model, tokens, name, change):
    """Logits with one more hook, which is taken away again."""
    point = model.hook_dict[name]
    before = list(point.fwd_hooks)
    model.add_hook(name, change)
    try:
        return model(tokens)
    finally:
        point.fwd_hooks = before


def get_ablation_scores(model, tokens, ablation_function=head_zero_ablation_hook):
    whole = second_half_loss(model(tokens), tokens)
    table = []
    for layer in range(model.cfg.n_layers):
        row = []
        for head in range(model.cfg.n_heads):
            change = lambda z, hook: ablation_function(z, hook, head_index_to_ablate=head)
            row.append(second_half_loss(changed(model, tokens, f"blocks.{layer}.attn.hook_z", change), tokens) - whole)
        table.append(row)
    return torch.tensor(table)


def full_ov_circuit(W_E, W_V, W_O, W_U):
    return FactoredMatrix(W_E, torch.eye(W_E.shape[1])) @ W_V @ FactoredMatrix(W_O, W_U)


def top_1_acc(full_OV_circuit, batch_size=1000):
    size, right = full_OV_circuit.shape[0], 0
    for start in range(0, size, batch_size):
        for offset, row in enumerate(full_OV_circuit[start : start + batch_size].AB.tolist()):
            right += row.index(max(row)) == start + offset
    return right / size


def pos_pattern(W_pos, W_Q, W_K, d_head):
    size = len(W_pos)
    pattern = torch.zeros(size, size)
    for q in range(size):
        weights = [math.exp(float((W_pos[q] @ W_Q) @ (W_pos[k] @ W_K)) / math.sqrt(d_head)) for k in range(q + 1)]
        for k in range(q + 1):
            pattern[q, k] = weights[k] / sum(weights)
    return pattern


def decompose_qk_input(cache):
    results = [cache["blocks.0.attn.hook_result"][:, head] for head in range(cache.model.cfg.n_heads)]
    return torch.stack([cache["hook_embed"], cache["hook_pos_embed"]] + results)


def decompose_q(decomposed_qk_input, ind_head_index, model):
    return torch.stack([part @ model.blocks[1].attn.W_Q[ind_head_index] for part in decomposed_qk_input])


def decompose_k(decomposed_qk_input, ind_head_index, model):
    return torch.stack([part @ model.blocks[1].attn.W_K[ind_head_index] for part in decomposed_qk_input])


def decompose_attn_scores(decomposed_q, decomposed_k, model):
    return torch.stack([torch.stack([q @ k.T for k in decomposed_k]) for q in decomposed_q])


def find_K_comp_full_circuit(model, prev_token_head_index, ind_head_index):
    first, second = model.blocks[0].attn, model.blocks[1].attn
    moved = model.W_E @ first.W_V[prev_token_head_index] @ first.W_O[prev_token_head_index]
    return FactoredMatrix(model.W_E @ second.W_Q[ind_head_index], second.W_K[ind_head_index].T @ moved.T)


def get_comp_score(W_A, W_B):
    size = lambda W: math.sqrt(sum(float(x) ** 2 for x in W.flatten()))
    return size(W_A @ W_B) / (size(W_A) * size(W_B))


def ablation_induction_score(prev_head_index, ind_head_index):
    silence = lambda z, hook: head_zero_ablation_hook(z, hook, prev_head_index)
    with model.hooks([("blocks.0.attn.hook_z", silence)]):
        _, cache = model.run_with_cache(rep_tokens, names_filter="blocks.1.attn.hook_pattern")
    return mean_attention(cache["pattern", 1][0, ind_head_index], lambda q: q - seq_len + 1)


def logits_to_ave_logit_diff(logits, answer_tokens, per_prompt=False):
    differences = [row[-1][right] - row[-1][wrong] for row, (right, wrong) in zip(logits, answer_tokens)]
    return torch.stack(differences) if per_prompt else sum(differences) / len(differences)


def residual_stack_to_logit_diff(residual_stack, cache, logit_diff_directions):
    centred = residual_stack - residual_stack.mean(-1, keepdim=True)
    if "ln_final.hook_scale" in cache:
        centred = centred / cache["ln_final.hook_scale"][:, -1]
    total = 0
    for text, direction in enumerate(logit_diff_directions):
        total = total + centred[..., text, :] @ direction
    return total / len(logit_diff_directions)


def ioi_metric(logits, answer_tokens, corrupted_logit_diff, clean_logit_diff):
    share = 1 / (clean_logit_diff - corrupted_logit_diff)
    return share * logits_to_ave_logit_diff(logits, answer_tokens) - share * corrupted_logit_diff


def patch_residual_component(corrupted_residual_component, hook, pos, clean_cache):
    patched = corrupted_residual_component.clone()
    for text in range(len(patched)):
        patched[text, pos] = clean_cache[hook.name][text, pos]
    return patched


def patch_head_vector(corrupted_head_vector, hook, head_index, clean_cache):
    patched = corrupted_head_vector.clone()
    for text in range(patched.shape[0]):
        for pos in range(patched.shape[1]):
            patched[text, pos, head_index] = clean_cache[hook.name][text, pos, head_index]
    return patched


def get_act_patch_resid_pre(model, corrupted_tokens, clean_cache, patching_metric):
    table = []
    for layer in range(model.cfg.n_layers):
        row = []
        for pos in range(corrupted_tokens.shape[1]):
            change = lambda value, hook: patch_residual_component(value, hook, pos, clean_cache)
            row.append(float(patching_metric(changed(model, corrupted_tokens, f"blocks.{layer}.hook_resid_pre", change))))
        table.append(row)
    return torch.tensor(table)


def get_act_patch_attn_head_out_all_pos(model, corrupted_tokens, clean_cache, patching_metric):
    table = []
    for layer in range(model.cfg.n_layers):
        row = []
        for head in range(model.cfg.n_heads):
            change = lambda value, hook: patch_head_vector(value, hook, head, clean_cache)
            row.append(float(patching_metric(changed(model, corrupted_tokens, f"blocks.{layer}.attn.hook_z", change))))
        table.append(row)
    return torch.tensor(table)


def patch_or_freeze_head_vectors(orig_head_vector, hook, new_cache, orig_cache, head_to_patch):
    found = []
    for head in range(orig_head_vector.shape[2]):
        cache = new_cache if (hook.layer(), head) == tuple(head_to_patch) else orig_cache
        found.append(cache[hook.name][:, :, head])
    return torch.stack(found, dim=2)


def all_z(model, change):
    return [(f"blocks.{layer}.attn.hook_z", change) for layer in range(model.cfg.n_layers)]


def caches_of(model, new_dataset, orig_dataset, new_cache, orig_cache):
    if new_cache is None:
        new_cache = model.run_with_cache(new_dataset.toks)[1]
    if orig_cache is None:
        orig_cache = model.run_with_cache(orig_dataset.toks)[1]
    return new_cache, orig_cache


def get_path_patch_head_to_final_resid_post(
    model, patching_metric, new_dataset, orig_dataset, new_cache=None, orig_cache=None
):
    new_cache, orig_cache = caches_of(model, new_dataset, orig_dataset, new_cache, orig_cache)
    results = torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            change = lambda z, hook: patch_or_freeze_head_vectors(z, hook, new_cache, orig_cache, (layer, head))
            results[layer, head] = patching_metric(
                model.run_with_hooks(orig_dataset.toks, fwd_hooks=all_z(model, change))
            )
    return results


def patch_head_input(orig_activation, hook, patched_cache, head_list):
    found = []
    for head in range(orig_activation.shape[2]):
        is_receiver = any((hook.layer(), head) == tuple(each) for each in head_list)
        found.append(patched_cache[hook.name][:, :, head] if is_receiver else orig_activation[:, :, head])
    return torch.stack(found, dim=2)


def get_path_patch_head_to_heads(
    receiver_heads, receiver_input, model, patching_metric, new_dataset, orig_dataset, new_cache=None, orig_cache=None
):
    new_cache, orig_cache = caches_of(model, new_dataset, orig_dataset, new_cache, orig_cache)
    last = max(layer for layer, _ in receiver_heads)
    results = torch.zeros(last, model.cfg.n_heads)
    for layer in range(last):
        for head in range(model.cfg.n_heads):
            change = lambda z, hook: patch_or_freeze_head_vectors(z, hook, new_cache, orig_cache, (layer, head))
            kept = {}
            keep = lambda value, hook: kept.update({hook.name: value.clone()})
            names = [f"blocks.{at}.attn.hook_{receiver_input}" for at in {at for at, _ in receiver_heads}]
            model.run_with_hooks(orig_dataset.toks, fwd_hooks=all_z(model, change) + [(name, keep) for name in names])
            receive = lambda value, hook: patch_head_input(value, hook, kept, receiver_heads)
            logits = model.run_with_hooks(orig_dataset.toks, fwd_hooks=[(name, receive) for name in names])
            results[layer, head] = patching_metric(logits)
    return results
