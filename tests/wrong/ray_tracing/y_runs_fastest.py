# make_rays_2d: the two axes are nested the other way round; named: "Lets y run fastest; z does."
import torch


def make_rays_2d(num_pixels_y, num_pixels_z, y_limit, z_limit):
    rays = []
    for z in torch.linspace(-z_limit, z_limit, num_pixels_z):
        for y in torch.linspace(-y_limit, y_limit, num_pixels_y):
            rays.append([[0.0, 0.0, 0.0], [1.0, y.item(), z.item()]])
    return torch.tensor(rays)
