"""Images, and every figure of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""uint8 RGB (H, W, 3), or grey (H, W) or (H, W, 1), in [0, 255]."""
