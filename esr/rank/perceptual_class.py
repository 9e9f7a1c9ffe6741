"""Perceptual metrics that were not calculated alike are not ranked together.

Another version of the library, other weights or another device give other digits, so a table has
one of each: that of most of its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from esr.challenge.protocol import Track
from esr.images.perceptual import PerceptualSource
from esr.images.perceptual_names import NAMES
from esr.records.results_folder import Row


def explain_other_source(rows: Sequence[Row]) -> dict[str, str]:
    """Say by label what else the perceptual metrics of a row were calculated with than of most."""
    sources = {
        row.label: row.record.perceptual
        for row in rows
        if row.record is not None and row.record.perceptual is not None
    }
    if len(sources) < 2:
        return {}
    usual, _ = Counter(map(_describe, sources.values())).most_common(1)[0]
    hashes = Counter((f.name, f.sha256) for source in sources.values() for f in source.weights)
    weights = {name: sha256 for (name, sha256), _ in reversed(hashes.most_common())}
    reasons = {}
    for label, source in sources.items():
        other = [file.name for file in source.weights if weights[file.name] != file.sha256]
        if (own := _describe(source)) != usual:
            reasons[label] = f"perceptual metrics by {own}, those of most by {usual}"
        elif other:
            reasons[label] = f"perceptual metrics with another {', '.join(other)} than most"
    return reasons


def is_perceptual(track: Track) -> bool:
    """Tell whether a track ranks by a perceptual metric."""
    return not set(NAMES).isdisjoint(track.terms)


def _describe(source: PerceptualSource) -> str:
    # A GPU is a GPU: its number says nothing.
    return f"{source.library or 'no library'} on {source.device.partition(':')[0]}"
