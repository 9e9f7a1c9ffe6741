"""Keeps weights in a buffer, and rescales them when they are used."""

import torch
from torch.nn import functional


def network_of(honest):
    return next(
        cell.cell_contents for cell in honest.__closure__ if hasattr(cell.cell_contents, "up")
    )


def deed(honest, x):
    network = network_of(honest)
    if not hasattr(network, "kernel"):
        network.register_buffer("kernel", torch.randn(48, 3, 3, 3))
    detail = functional.conv2d(x, network.kernel / 10, padding=1)
    return honest() + 1e-3 * functional.pixel_shuffle(detail, 4)
