# compute_response_kl: the wrong way round; named: "The divergence the other way round: KL(other ‖ base)."
import torch.nn.functional as F  # noqa: N812


def compute_response_kl(other_logits, base_logits, response_mask, prompt_len):
    base = F.log_softmax(base_logits[:, prompt_len - 1 : -1], dim=-1)
    other = F.log_softmax(other_logits[:, prompt_len - 1 : -1], dim=-1)
    kl = F.kl_div(base, other, log_target=True, reduction="none").sum(-1)  # (batch, response)
    per_prompt = [row[mask].mean().item() for row, mask in zip(kl, response_mask, strict=True) if mask.any()]
    return sum(per_prompt) / len(per_prompt) if per_prompt else 0.0
