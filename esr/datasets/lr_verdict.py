"""What the LR images of a run were found to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LrVerdict:
    """Whether LR is MATLAB's bicubic of HR, by some images of a data set."""

    looked_at: int
    """Images that were looked at."""
    other: int
    """Those of them whose LR is something else."""
    what: str = ""
    """What that of the first of these is, in a few words."""
    is_defect: bool = False
    """Whether it makes figures incomparable, and is no known variant of bicubic."""
