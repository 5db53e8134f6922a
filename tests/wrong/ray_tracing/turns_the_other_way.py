# rotation_matrix: the sines have the opposite signs; named: "Turns the other way: the signs of the two sines have changed places."
# ruff: noqa: E501
import torch


def rotation_matrix(theta):
    turn = torch.eye(3)
    turn[0, 0] = turn[2, 2] = torch.cos(theta)
    turn[0, 2] = -torch.sin(theta)
    turn[2, 0] = torch.sin(theta)
    return turn
