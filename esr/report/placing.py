"""Ranks, scores and intervals as people read them."""

from __future__ import annotations

import math

from esr.rank.figures import warm_runtime
from esr.rank.ranking import Standing

NO_RANK = "-"
BASE = "base"

_LN_SCORE_AT_MOST = math.log(1e4)


def rank_text(standing: Standing, track: int) -> str:
    """Say a rank, with the letter of its tie: `2a`, `base` for the baseline, `-` for none."""
    if standing.is_baseline and standing.section == "ranked":
        return BASE
    placing = standing.placings[track]
    if placing.rank is None:
        return NO_RANK
    return f"{placing.rank}{'' if placing.tie is None else _letters(placing.tie)}"


def _letters(number: int) -> str:
    """Number things a, b, ... z, aa, ab, ..."""
    before, last = divmod(number - 1, 26)
    return (_letters(before) if before else "") + chr(ord("a") + last)


def score_text(standing: Standing, track: int) -> str:
    """Say a score; as `e^33.27` where its digits would tell nothing."""
    score = standing.placings[track].score
    if score is None or score.value is None:
        return ""
    if score.log is None:
        return format(score.value, ".4g")
    return f"e^{score.log:.2f}" if score.log > _LN_SCORE_AT_MOST else f"{score.value:.2f}"


def warm_text(standing: Standing) -> str:
    """Say the warm runtime with half of its 95 % interval: `5.12 ±0.03`."""
    warm = warm_runtime(standing.row)
    if warm is None:
        return ""
    return f"{warm.value:.2f} ±{(warm.high - warm.low) / 2:.2f}"
