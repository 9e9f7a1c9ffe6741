"""A checkpoint and source that hold far more than the parameters that are counted.

What else lies in them may be a table of answers, in the source as text. Honest checkpoints hold a
training form (three branches a convolution), an average of the weights, or the two moments of an
optimizer (Adam) beside them: of the public submissions of 2022 and 2024 none holds more than 3.4
times its parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from esr.records.measurement import Flag

TIMES_AT_MOST = 10
SPARE_BYTES = 2**20
"""Headers and names, which are much where there are few parameters, and source."""
_PARAMETER_BYTES = 4


def checkpoint_flags(files: Sequence[Path], params: int) -> Iterator[Flag]:
    """Flag checkpoints and sources that hold far more than parameters.

    Args:
        files: that were loaded and run; one that is not there any more counts nothing.
        params: number of parameters.
    """
    held = 0
    for file in files:
        with suppress(OSError):
            held += file.stat().st_size
    needed = _PARAMETER_BYTES * params
    if held > TIMES_AT_MOST * needed + SPARE_BYTES:
        yield Flag(
            "large_checkpoint",
            f"with its source it holds {held / 1e6:.1f} MB, its {params} parameters need"
            f" {needed / 1e6:.1f} MB",
        )
