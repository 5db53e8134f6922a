"""The reference of `representations` against scikit-learn, and its toy circuits against brute force."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from exercises.given.representations_examples import clusters, halves, rows
from reference import representations


@pytest.mark.parametrize("seed", range(3))
def test_probes_agree_with_scikit_learn(seed: int) -> None:
    acts, labels = clusters(seed, 40, 4)
    components = representations.get_pca_components(acts, 3)
    assert np.allclose(np.abs(components.T.numpy() @ PCA(3).fit(acts.numpy()).components_.T), np.eye(3), atol=1e-4)
    scaler = StandardScaler().fit(acts)
    fitted = LogisticRegression(C=0.1, fit_intercept=False, tol=1e-8).fit(scaler.transform(acts), labels)
    probe = representations.LRProbe.from_data(acts, labels)
    assert np.allclose(probe.direction, fitted.coef_[0] / scaler.scale_, atol=1e-4)
    scores = halves(seed, 40)
    assert representations.compute_auroc(lambda acts: scores, acts, labels) == pytest.approx(
        roc_auc_score(labels, scores)
    )


@pytest.mark.parametrize("corners", [2, 3, 5, 8])
def test_a_regular_polygon_shares_two_dimensions_evenly(corners: int) -> None:
    angles = torch.arange(corners) * 2 * torch.pi / corners
    shares = representations.compute_dimensionality(torch.stack([angles.cos(), angles.sin()])[None])
    assert torch.allclose(shares, torch.full((1, corners), min(2, corners - 1) / corners))


def test_the_normalised_decoder_of_2024_is_that_of_its_method() -> None:
    class AutoEncoder:
        def normalize_and_return_W_dec(self) -> torch.Tensor:  # noqa: N802
            return torch.ones(1, 2, 3)

    assert rows(AutoEncoder()).shape == (1, 2, 3)


def test_effects_of_heads_are_those_of_runs_with_one_head_replaced() -> None:
    z, z_mean, W_O, W_U = (halves(n, *s) for n, s in enumerate(((4, 3, 2), (3, 2), (3, 2, 5), (5, 6))))  # noqa: N806
    rest, answers = halves(9, 4, 5), torch.tensor([0, 5, 2, 2])

    def log_probabilities(z: torch.Tensor) -> torch.Tensor:
        resid = rest + sum(z[:, head] @ W_O[head] for head in range(3))
        return (resid @ W_U).log_softmax(dim=-1)[torch.arange(4), answers]

    resid = rest + torch.einsum("bhi,hid->bd", z, W_O)
    for head, effect in enumerate(representations.head_causal_effects(z, z_mean, resid, W_O, W_U, answers)):
        replaced = z.clone()
        replaced[:, head] = z_mean[head]
        assert torch.isclose(effect, (log_probabilities(replaced) - log_probabilities(z)).mean(), atol=1e-4)
