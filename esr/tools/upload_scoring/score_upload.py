"""An archive of SR images scored against a data set on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.sha256 import hash_file
from esr.datasets.splits import Split
from esr.evaluate.upload.upload_format import Readme, sr_name
from esr.tools.upload_scoring.upload_contents import open_archive
from esr.tools.upload_scoring.upload_scores import (
    ImageComparison,
    ImageScore,
    mean_scores,
    readme_of,
    score_files,
)


@dataclass(frozen=True)
class ArchiveScore:
    """One archive."""

    archive: str
    archive_sha256: str
    role: str
    dataset: str
    scale: int
    border_px: int
    """Left out by the metrics on each side."""
    means: dict[str, float]
    """Of each metric over the images."""
    images: tuple[ImageScore, ...]
    readme: Readme | None
    """What the participants say; None without a readme.txt."""


def score_archive(
    path: Path, split: Split, metrics: Sequence[str], border: int, crop_px: int | None = None
) -> ArchiveScore:
    """Score an archive as `esr.evaluate.score_images` scores SR images, to the last bit.

    Args:
        path: the archive.
        split: the data set it is about.
        metrics: names in `esr.images.metrics.METRICS`.
        border: pixels that they leave out on each side; the scale, in the official scripts.
        crop_px: multiple that the sides of HR are cropped to; the scale by default.

    Raises:
        BadArchive: something is wrong with the archive.
        UserError: something is wrong with the data.
    """
    names = [sr_name(pair.name) for pair in split.pairs]
    comparison = ImageComparison(split.scale, crop_px or split.scale, border, tuple(metrics))
    with open_archive(path, names, split.scale) as contents:
        readme = readme_of(contents)
        images = score_files(contents, {pair.name: pair.hr for pair in split.pairs}, comparison)
    return ArchiveScore(
        archive=path.name,
        archive_sha256=hash_file(path),
        role=split.role,
        dataset=split.dataset,
        scale=split.scale,
        border_px=border,
        means=mean_scores(images, metrics),
        images=images,
        readme=readme,
    )
