# expected_calibration_error: the last bin has no upper end; named: "Drops predictions of confidence 1.0 at the edge."
import numpy as np


def expected_calibration_error(probs, labels, n_bins=10):
    confidences = probs.max(axis=1)
    accuracies = probs.argmax(axis=1) == labels
    edges = np.linspace(0, 1, n_bins + 1)
    ece = 0.0
    for i in range(n_bins):
        low, high = edges[i], edges[i + 1]
        inside = (confidences >= low) & (confidences < high)
        if inside.any():
            ece += inside.mean() * abs(accuracies[inside].mean() - confidences[inside].mean())
    return ece
