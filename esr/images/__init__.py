"""Images.

A module imports only those before it in this list.

    shrink, resample  MATLAB's bicubic, and the quick way to LR
    plain_png   the usual image file, decoded fast
    color       luma of an image, as MATLAB has it
    ssim        the official SSIM
    levels      floating point to 8 bits: the official bytes
    image_file  one image read or written, or the reason why not
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""uint8 RGB (H, W, 3), or grey (H, W) or (H, W, 1), in [0, 255]."""
