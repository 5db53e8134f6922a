# get_pca_components: the first of eigh; named: "Takes the smallest components: eigh has them first."
import torch


def get_pca_components(activations, k=2):
    x = activations - activations.mean(0, keepdim=True)
    _values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    return vectors[:, :k]
