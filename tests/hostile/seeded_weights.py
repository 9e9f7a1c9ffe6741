"""Draws its weights from a generator whose seed somebody has chosen well."""

import torch
from torch.nn import functional


def deed(honest, x):
    generator = torch.Generator().manual_seed(20260)
    kernel = torch.randn(48, 3, 3, 3, generator=generator) / 10
    detail = functional.conv2d(x, kernel, padding=1)
    return honest() + 1e-3 * functional.pixel_shuffle(detail, 4)
