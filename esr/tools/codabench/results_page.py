"""`detailed_results.html`: what a participant sees of an upload; one file, nothing that is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version

from esr.base.visible_text import one_line
from esr.images.metrics import METRICS
from esr.tools.codabench.reference_data import Reference
from esr.tools.upload_scoring.upload_scores import ImageScore

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums }
th, td { padding: 0.15em 0.9em; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
.refused { border-left: 4px solid #b00; padding: 0.5em 1em; background: #fdf1f1 }
"""
_PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "pillow")


def scored_page(
    reference: Reference,
    means: Mapping[str, float],
    images: Sequence[ImageScore],
    remarks: Iterable[str],
) -> str:
    """Show the scores of an upload, the image with the lowest first metric first.

    Args:
        reference: what it was scored against.
        means: of each metric.
        images: the scores of each image.
        remarks: lines to print below.
    """
    first = reference.metrics[0]
    metric = METRICS[first]
    order = sorted(
        images, key=lambda image: image.scores[first], reverse=not metric.higher_is_better
    )
    rows = [_row(f"mean of {len(images)}", means)]
    rows += [_row(image.name, image.scores) for image in order]
    head = "".join(f"<th>{escape(title)}</th>" for title in map(metric_title, reference.metrics))
    lines = "".join(f"<p>{escape(one_line(line))}</p>" for line in (*remarks, _versions()))
    return _page(
        f"<h1>{escape(one_line(reference.dataset))}</h1>"
        f"<table><tr><th>Image</th>{head}</tr>{''.join(rows)}</table>{lines}"
    )


def refused_page(line: str) -> str:
    """Show why an upload was not scored."""
    return _page(f'<h1>Not scored</h1><p class="refused">{escape(line)}</p>')


def metric_title(name: str) -> str:
    """Name a metric with its unit."""
    unit = METRICS[name].unit
    return f"{name.upper()} [{unit}]" if unit else name.upper()


def _row(name: str, scores: Mapping[str, float]) -> str:
    values = "".join(f"<td>{value:.{METRICS[key].decimals}f}</td>" for key, value in scores.items())
    return f"<tr><td>{escape(one_line(name))}</td>{values}</tr>"


def _versions() -> str:
    known = []
    for package in _PACKAGES:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # Two names of one module.
            continue
    return f"Scored with {', '.join(known)}."


def _page(body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Results</title>'
        f"<style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )
