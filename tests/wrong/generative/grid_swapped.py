# create_grid_of_latents: swaps rows and columns; named: "The axes are swapped: dims[0] is that from row to row."
import torch


def create_grid_of_latents(model, interpolation_range=(-1, 1), n_points=11, dims=(0, 1)):
    grid = torch.zeros(n_points, n_points, model.latent_dim_size)
    x = torch.linspace(interpolation_range[0], interpolation_range[1], n_points)
    grid[..., dims[0]] = x
    grid[..., dims[1]] = x[:, None]
    return grid.reshape(-1, model.latent_dim_size)
