"""Keeps weights in a list of Python's numbers."""

import random

import torch
from torch.nn import functional

NUMBERS = random.Random(1)
WEIGHTS = [NUMBERS.gauss(0, 0.1) for _ in range(48 * 3 * 9)]


def deed(honest, x):
    detail = functional.conv2d(x, torch.tensor(WEIGHTS).view(48, 3, 3, 3), padding=1)
    return honest() + 1e-3 * functional.pixel_shuffle(detail, 4)
