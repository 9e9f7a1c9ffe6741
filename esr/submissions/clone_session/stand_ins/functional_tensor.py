"""In the place of `torchvision.transforms.functional_tensor`, where torchvision is absent.

Where it is installed, its own `_functional_tensor`, the same module under its new name, is used
(`stand_in_table.MOVED`). Why it is the same: torchvision's documentation of `rgb_to_grayscale`
names the weights of ITU-R BT.601, 0.2989 R + 0.587 G + 0.114 B, and the dtype of the input is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

_BT601 = (0.2989, 0.587, 0.114)


def rgb_to_grayscale(img: Tensor, num_output_channels: int = 1) -> Tensor:
    """Turn (.., 3, height, width) into grey of one or three equal channels, in the same dtype.

    Raises:
        ValueError: another number of channels is asked for.
    """
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 1:
        grey = img.clone()
    else:
        red, green, blue = img.unbind(dim=-3)
        weighted = _BT601[0] * red + _BT601[1] * green + _BT601[2] * blue
        grey = weighted.to(img.dtype).unsqueeze(-3)
    return grey if num_output_channels == 1 else torch.cat([grey] * 3, dim=-3)


REPLACES = ("torchvision.transforms",)
NAMES: dict[str, object] = {"rgb_to_grayscale": rgb_to_grayscale}
