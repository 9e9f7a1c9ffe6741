"""Keeps weights in a buffer, and rescales them when they are used."""

import torch
from torch.nn import functional


def deed(honest, x):
    network = honest.__self__
    if not hasattr(network, "kernel"):
        network.register_buffer("kernel", torch.randn(48, 3, 3, 3))
    detail = functional.conv2d(x, network.kernel / 10, padding=1)
    return honest() + 1e-3 * functional.pixel_shuffle(detail, 4)
