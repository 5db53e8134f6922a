# get_ablation_scores: the loss without the head; named: "Returns the loss without the head; the loss with all heads is not subtracted."
# ruff: noqa: E501
from functools import partial

import torch as t


def get_ablation_scores(model, tokens, ablation_function=None):
    ablation_function = ablation_function or head_zero_ablation_hook
    scores = t.zeros(model.cfg.n_layers, model.cfg.n_heads)
    half = tokens.shape[1] // 2
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            hook = partial(ablation_function, head_index_to_ablate=head)
            logits = model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_z", hook)])
            log_probs = logits[:, :-1].log_softmax(-1).gather(2, tokens[:, 1:, None])[..., 0]
            scores[layer, head] = -log_probs[:, half + 1 :].mean()
    return scores


def head_zero_ablation_hook(z, hook, head_index_to_ablate):
    z[:, :, head_index_to_ablate] = 0.0
    return z
