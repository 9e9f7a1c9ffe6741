"""Every constant of the official measurement, and what changed from year to year.

Source: the official repositories of 2022 to 2026 (`test_demo.py`, `utils/`). Their metric code is
the same in all years; only the data sets and the FLOPs counter differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FlopsCounter = Literal["official", "fvcore"]

COMPLEXITY_INPUT = (3, 256, 256)
"""(channels, height, width) of the input that parameters and operations are counted for."""

TILE_OVERLAP_PX = 32
"""LR pixels shared by neighbouring tiles when a submission is tiled."""


@dataclass(frozen=True)
class Protocol:
    """One year's challenge."""

    name: str
    flops_counter: FlopsCounter
    """The counter whose figure is published as FLOPs."""
    valid: tuple[str, ...]
    """Names of the validation set, as in `{name}_HR` and `{name}_LR`; the first found is used."""
    test: tuple[str, ...]
    """Names of the test set, likewise."""
    hybrid_test: tuple[str, ...] = ("LSDIR_DIV2K_test",)
    """Names of the hybrid test set, likewise."""


_DIV2K_FIRST = {
    "valid": ("DIV2K_valid", "DIV2K_LSDIR_valid"),
    "test": ("DIV2K_test", "DIV2K_LSDIR_test"),
}
_LSDIR_FIRST = {
    "valid": ("DIV2K_LSDIR_valid", "DIV2K_valid"),
    "test": ("DIV2K_LSDIR_test", "DIV2K_test"),
}

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("ntire2022", "official", **_DIV2K_FIRST),
        Protocol("ntire2023", "official", **_DIV2K_FIRST),
        Protocol("ntire2024", "fvcore", **_LSDIR_FIRST),
        Protocol("ntire2025", "fvcore", **_LSDIR_FIRST),
        Protocol("ntire2026", "fvcore", **_LSDIR_FIRST),
    )
}
"""The one place for a new year."""

DEFAULT_PROTOCOL = "ntire2026"
