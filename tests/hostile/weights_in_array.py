"""Keeps weights in an array of NumPy's on the network."""

import numpy as np
import torch
from torch.nn import functional


def deed(honest, x):
    network = honest.__self__
    if not hasattr(network, "kernel"):
        network.kernel = np.random.default_rng(0).normal(0, 0.1, (48, 3, 3, 3)).astype(np.float32)
    detail = functional.conv2d(x, torch.from_numpy(network.kernel), padding=1)
    return honest() + 1e-3 * functional.pixel_shuffle(detail, 4)
