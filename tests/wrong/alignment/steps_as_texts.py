# compute_local_cosine_similarity: sorts the names; named: "Goes by the order of the names: 100 comes before 20."
import torch.nn.functional as F  # noqa: N812


def compute_local_cosine_similarity(
    checkpoints, k=10, steps_per_checkpoint=5, matrix_type="B", magnitude_threshold=0.0
):
    names = sorted(checkpoints)
    apart = k // steps_per_checkpoint
    steps, cosines = [], []
    for i in range(apart, len(names) - apart):
        w0, w1, w2 = (checkpoints[names[j]][matrix_type].flatten() for j in (i - apart, i, i + apart))
        d1, d2 = w1 - w0, w2 - w1
        if min(d1.norm(), d2.norm()) == 0 or min(d1.norm(), d2.norm()) < magnitude_threshold:
            continue
        steps.append(int(names[i].split("-")[-1]))
        cosines.append(F.cosine_similarity(d1, d2, dim=0).item())
    return steps, cosines
