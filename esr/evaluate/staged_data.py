"""The decoded data of a whole run, for every scale that its submissions need."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.challenge.protocol import Protocol
from esr.datasets.manifest import check_manifest
from esr.datasets.splits import DataRequest, Split, find_splits
from esr.datasets.staging import StagedSplit, stage
from esr.images import perceptual
from esr.images.metrics import METRICS
from esr.measure.job import SubmissionFailed
from esr.records.conditions import Procedure
from esr.submissions.submission import Broken, Entry, Measurable

_WARNING_AT_MOST = 500


@dataclass(frozen=True)
class Staged:
    """The decoded data of every scale that the submissions of a run need."""

    splits: dict[int, list[StagedSplit]]
    problems: dict[int, UserError]
    """Why a scale has no data; its submissions fail, the others are measured."""

    def of(self, submission: Measurable) -> list[StagedSplit]:
        """Data sets of a submission's scale.

        Raises:
            SubmissionFailed: there are none.
        """
        scale = submission.sidecar.scale
        if (problem := self.problems.get(scale)) is not None:
            raise SubmissionFailed("discover", str(problem))
        return self.splits[scale]

    @property
    def hr_folders(self) -> tuple[Path, ...]:
        """Folders of the decoded HR images, and of the files they were decoded from."""
        splits = [split for of_scale in self.splits.values() for split in of_scale]
        decoded = [image.hr.parent for split in splits for image in split.images[:1]]
        return (*decoded, *(folder for split in splits for folder in split.sources))


def stage_all(
    entries: Sequence[Entry], data: DataRequest, procedure: Procedure, hr_dir: Path
) -> Staged:
    """Find, decode and check the data of every scale.

    Args:
        entries: the submissions to measure.
        data: which data.
        procedure: in what layout, and what is calculated of them.
        hr_dir: private folder for the decoded HR images.

    Raises:
        UserError: no scale has data that can be used, or a metric cannot be calculated here.
    """
    scales = {entry.sidecar.scale for entry in entries if not isinstance(entry, Broken)}
    window_px = max(METRICS[name].window_px for name in procedure.metrics)
    for line in perceptual.describe_missing(perceptual.probe(procedure.metrics, "cpu")):
        sys.stderr.write(f"warning: {one_line(line, _WARNING_AT_MOST)}\n")
    staged, protocol = Staged({}, {}), procedure.protocol
    for scale in sorted(scales):
        try:
            splits = find_splits(data, protocol, scale)
            staged.splits[scale] = [
                _staged(split, hr_dir / f"x{scale}-{number}", window_px, data.data_dir, protocol)
                for number, split in enumerate(splits)
            ]
        except UserError as error:
            staged.problems[scale] = error
    if staged.problems and not staged.splits:
        raise next(iter(staged.problems.values()))
    return staged


def _staged(
    split: Split, folder: Path, window_px: int, data_dir: Path, protocol: Protocol
) -> StagedSplit:
    border_px, crop_px = protocol.border(split.scale), protocol.crop_px
    staged = stage(split, folder, window_px, border_px, crop_px)
    check_manifest(split.pairs, [image.hashes for image in staged.images], data_dir)
    return staged
