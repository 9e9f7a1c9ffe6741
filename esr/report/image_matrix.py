"""Every figure of every image of every submission, one matrix a data set and metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from esr.base.visible_text import name
from esr.images.metrics import METRICS
from esr.records.results_folder import Row

RUNTIME = "runtime"
"""In ms, of the official pass; as the official key is called."""

_DIGITS = 4
"""After the point, of what is shown."""


@dataclass(frozen=True)
class ImageFigures:
    """What one submission reaches on one data set."""

    role: str
    dataset: str
    """Of official results, which do not name it, the role."""
    images: tuple[str, ...]
    """Names; of official results, which have none, numbers."""
    values: Mapping[str, tuple[float, ...]]
    """By metric, or `runtime`, in the order of the images; what is undefined is NaN."""


@dataclass(frozen=True)
class ImageMatrix:
    """All submissions on one data set."""

    role: str
    dataset: str
    images: tuple[str, ...]
    values: dict[str, list[list[float | None] | None]]
    """By metric a row a submission, an element an image; None where there is nothing finite."""


def list_image_figures(row: Row) -> Iterator[ImageFigures]:
    """List what is known of a row's images, a data set each."""
    if row.record is None:
        yield from _list_official(row)
        return
    for split in row.record.splits:
        metrics = [*split.images[0].scores]
        values = {
            metric: tuple(image.scores.get(metric, math.nan) for image in split.images)
            for metric in metrics
        }
        values[RUNTIME] = tuple(image.runtime_ms for image in split.images)
        images = tuple(image.name for image in split.images)
        yield ImageFigures(split.role, split.dataset, images, values)


def _list_official(row: Row) -> Iterator[ImageFigures]:
    """Take what official results name neither set nor image of: their role, and numbers."""
    by_role: dict[str, dict[str, tuple[float, ...]]] = {}
    for key, values in (row.official or {}).items():
        role, metric = _split_key(key)
        if metric and isinstance(values, list) and values:
            by_role.setdefault(role, {})[metric] = tuple(map(float, values))
    for role, by_metric in by_role.items():
        count = max(map(len, by_metric.values()))
        images = tuple(str(number) for number in range(1, count + 1))
        yield ImageFigures(role, role, images, by_metric)


def _split_key(key: str) -> tuple[str, str]:
    """Take `valid_psnr_y` apart: role and metric, which is empty if it is none of ours."""
    for metric in sorted((*METRICS, RUNTIME), key=len, reverse=True):
        if key.endswith(f"_{metric}"):
            return key.removesuffix(f"_{metric}"), metric
    return key, ""


def build_matrices(rows: Sequence[Row]) -> list[ImageMatrix]:
    """Gather all rows, a matrix a data set; images are matched by their names."""
    figures = [list(list_image_figures(row)) for row in rows]
    sets = dict.fromkeys((f.role, f.dataset) for row in figures for f in row)
    return [
        _build_matrix(
            role,
            dataset,
            [
                next((f for f in row if (f.role, f.dataset) == (role, dataset)), None)
                for row in figures
            ],
        )
        for role, dataset in sets
    ]


def _build_matrix(role: str, dataset: str, rows: Sequence[ImageFigures | None]) -> ImageMatrix:
    known = [row for row in rows if row]
    images = tuple(dict.fromkeys(image for row in known for image in row.images))
    metrics = dict.fromkeys(metric for row in known for metric in row.values)
    values = {metric: [_fill_row(row, metric, images) for row in rows] for metric in metrics}
    return ImageMatrix(role, name(dataset), tuple(map(name, images)), values)


def _fill_row(
    row: ImageFigures | None, metric: str, images: Sequence[str]
) -> list[float | None] | None:
    if row is None or metric not in row.values:
        return None
    by_image = dict(zip(row.images, row.values[metric], strict=False))
    filled = [by_image.get(image) for image in images]
    finite = [None if v is None or not math.isfinite(v) else round(v, _DIGITS) for v in filled]
    return finite if any(value is not None for value in finite) else None
