"""The first image restored with the other data_range, when everything else is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from esr.measure.bench import Bench
from esr.measure.network_snapshot import preserved

RANGES = (1.0, 255.0)
"""Values of white that networks are trained with, the usual one first."""


def other_range(declared: float) -> float:
    """Name the range that was meant if not the declared one."""
    usual, large = RANGES
    return large if declared == usual else usual


def restored_in_other_range(
    bench: Bench, model: nn.Module, lr_file: Path, sr_file: Path
) -> float | None:
    """Restore an image as if the other data_range had been declared, and leave it in a file.

    The network is given pixels that it was not made for, so it works on copies of its tensors, and
    all that is measured should be measured before.

    Returns:
        the other range; None if the network cannot do it.
    """
    other = other_range(bench.sidecar.data_range)
    bench = replace(bench, sidecar=replace(bench.sidecar, data_range=other))
    try:
        with preserved(model):
            lr = bench.load(np.load(lr_file))
            bench.save(bench.forward(lr), lr, sr_file)
    except BaseException:  # Whatever it does here, SystemExit included: there is no comparison.
        return None
    return other
