"""The data of each phase of a competition: the HR images that uploads are scored against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.protocol import Protocol
from esr.datasets.each_image import map_images
from esr.datasets.splits import DataRequest, Split, find_splits
from esr.tools.upload_scoring.upload_scores import ImageComparison, read_hr

PHASES = ("valid", "test")
"""Roles of the phases, in their order."""


def find_phases(
    protocol: Protocol, data_dir: Path, datasets: Sequence[str], phases: Sequence[str], scale: int
) -> list[Split]:
    """Find the data of the phases, in their order; the role of each is one of `PHASES`.

    Args:
        protocol: names of the official sets.
        data_dir: where sets lie.
        datasets: names of sets instead of those, the first one for validation.
        phases: those that the competition has.
        scale: factor between LR and HR.

    Raises:
        UserError: a set is missing, or there are more sets than phases.
    """
    wanted = [role for role in PHASES if role in phases]
    if datasets:
        if len(datasets) > len(PHASES):
            remedy = "name one for validation and one for test"
            raise UserError("there are two phases", where="--dataset", remedy=remedy)
        request = DataRequest(data_dir, tuple(datasets))
        splits = find_splits(request, protocol, scale)
        roles = wanted if len(splits) == 1 else list(PHASES)
        named = [replace(split, role=role) for split, role in zip(splits, roles, strict=False)]
        return [split for split in named if split.role in wanted]
    request = DataRequest(data_dir, include_test="test" in wanted)
    try:
        splits = find_splits(request, protocol, scale)
    except UserError as error:
        if "test" not in wanted or "valid" not in wanted:
            raise
        where = "--phases test" if error.where == "--include_test" else error.where
        remedy = f"{error.remedy + ', or ' if error.remedy else ''}leave it out: --phases valid"
        raise UserError(error.what, where=where, remedy=remedy) from error
    return [split for split in splits if split.role in wanted]


def check_hr(split: Split, comparison: ImageComparison) -> None:
    """Read all HR images: what cannot be scored would fail every upload.

    Raises:
        UserError: one cannot be read, or is too small.
    """

    def read(file: Path) -> UserError | None:
        try:
            read_hr(file, comparison)
        except UserError as error:
            return error
        return None

    for error in map_images(read, [pair.hr for pair in split.pairs], f"{split.role}: HR"):
        if error is not None:
            raise error
