"""Has half as many parameters as numbers: they are complex."""

import torch
from torch import nn
from torch.nn import functional


def deed(honest, x):
    network = honest.__self__
    if not hasattr(network, "kernel"):
        network.kernel = nn.Parameter(torch.randn(24, 3, 3, 3, dtype=torch.complex64) / 10)
    detail = functional.conv2d(
        x, torch.view_as_real(network.kernel).permute(4, 0, 1, 2, 3).flatten(0, 1), padding=1
    )
    return honest() + 1e-3 * functional.pixel_shuffle(detail, 4)
