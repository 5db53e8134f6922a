# tensor_trig_ratio: divides sums of squares by var; named: "Divides by a variance that is a mean, where a sum stands above it."
# ruff: noqa: E501
fourier_basis = all_data = key_freqs = None


def fourier_2d_basis_term(i, j):
    return fourier_basis[i][:, None] * fourier_basis[j][None, :]


def get_trig_sum_directions(k):
    c, s = 2 * k - 1, 2 * k
    return (
        (fourier_2d_basis_term(c, c) - fourier_2d_basis_term(s, s)) / 2**0.5,
        (fourier_2d_basis_term(s, c) + fourier_2d_basis_term(c, s)) / 2**0.5,
    )


def tensor_trig_ratio(model, mode):
    logits, cache = model.run_with_cache(all_data)
    x = logits[:, -1, :-1] if mode == "logit" else cache[mode.split("_")[1], 0][:, -1]
    total = x.var(0)
    part = 0
    for k in key_freqs:
        for d in get_trig_sum_directions(k):
            part = part + (d.flatten() @ x) ** 2
    return part / total
