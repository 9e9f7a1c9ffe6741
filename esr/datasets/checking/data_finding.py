"""What can be wrong with a data set, or worth knowing about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal[
    "unreadable", "mode", "name", "missing_lr", "missing_hr", "incomplete", "size", "jpeg",
    "resampler", "shifted", "turned", "channels", "other_image", "not_bicubic", "duplicate",
    "manifest", "rounding", "border", "grey", "hr_jpeg", "leftover", "not_public",
]  # fmt: skip

DEFECTS: dict[Kind, str] = {
    "unreadable": "cannot be decoded",
    "mode": "not 8-bit RGB or grey",
    "name": "names that cannot be told apart or printed",
    "missing_lr": "HR without LR",
    "missing_hr": "LR without HR",
    "incomplete": "another number of images than the set has",
    "size": "LR does not fit HR",
    "jpeg": "LR is JPEG-compressed",
    "resampler": "LR was made by another resampler",
    "shifted": "LR is shifted",
    "turned": "LR is flipped or turned",
    "channels": "red and blue are exchanged in LR",
    "other_image": "LR shows another picture",
    "not_bicubic": "LR is not the bicubic of HR",
    "duplicate": "the same picture twice",
    "manifest": "not the files of the manifest",
}
"""Each makes figures wrong, incomparable or impossible; with its headline."""

NOTES: dict[Kind, str] = {
    "rounding": "LR is bicubic, but rounded once instead of after each pass",
    "border": "LR is bicubic, but with the replicated border of older MATLAB",
    "grey": "one channel, counted as three equal ones",
    "hr_jpeg": "HR is a JPEG file",
    "leftover": "files that belong to nothing",
    "not_public": "HR is not public",
}
"""Each is worth knowing and no mistake."""


@dataclass(frozen=True)
class DataFinding:
    """One thing about one file, or about a whole set."""

    kind: Kind
    file: Path | None
    detail: str = ""

    @property
    def is_defect(self) -> bool:
        """Whether it must be put right."""
        return self.kind in DEFECTS

    @property
    def headline(self) -> str:
        """Say what it is."""
        return DEFECTS.get(self.kind) or NOTES[self.kind]
