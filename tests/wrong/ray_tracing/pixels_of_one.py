# make_rays_1d: the limit is not used; named: "The pixels lie between -1 and 1, whatever the limit."
import torch


def make_rays_1d(num_pixels, y_limit):
    rays = torch.zeros(num_pixels, 2, 3)
    step = 2 / (num_pixels - 1)
    for i in range(num_pixels):
        rays[i, 1, 0] = 1.0
        rays[i, 1, 1] = -1 + i * step
    return rays
