"""What there was no time for beside the official pass, in words for people.

Records name it as the code that left it out does: `warm passes over valid`, `counter plain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_FIGURES = (
    (r"warm passes over (\S+)", r"the warm runtime on \1"),
    (r"warm passes over (\S+): (\d+ of \d+ rounds)", r"\2 of the warm runtime on \1"),
    (r"steady passes over (\S+)", r"the steady runtime on \1"),
    (r"energy over (\S+)", r"the energy on \1"),
    (r"layers", "what each layer costs"),
    (r"counter (official|fvcore|thop|dispatch)", r"FLOPs by \1"),
)
_CHECKS = (
    (r"(\d+ of \d+) changed or counted images.*", r"\1 further images"),
    (r"counter plain", "whether its output changes while it is counted"),
    (r"counter (.+)", r"a second count of its operations (\1)"),
    (r"repeatability", "whether an image gives the same output twice"),
    (r"other data_range", "whether the other data_range is better"),
    (r"late values", "whether its output changes after the pass"),
    (r"types", "the types it computes with"),
    (r"background work.*", "work in the background"),
    (r"caching.*", "outputs kept from before"),
)
_OF_PROCESS = re.compile(r"(process \d+): (.*)", re.DOTALL)


def describe_left_out(left_out: Sequence[str]) -> str:
    """Say which figures are missing, and which checks, without which the figures are the same."""
    figures = _unite(say for what in left_out if (say := _translate(what, _FIGURES)) is not None)
    others = [what for what in left_out if _translate(what, _FIGURES) is None]
    checks = _unite(_translate(what, _CHECKS) or what for what in others)
    parts = [figures] if figures else []
    if checks:
        parts.append(f"checks for tricks, which change no figure ({checks})")
    return "; ".join(parts)


def _unite(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _translate(what: str, table: Sequence[tuple[str, str]]) -> str | None:
    """Say one thing in other words; None if the table has none."""
    if match := _OF_PROCESS.fullmatch(what):
        said = _translate(match[2], table)
        return None if said is None else f"{said} in {match[1]}"
    for pattern, words in table:
        if match := re.fullmatch(pattern, what):
            return match.expand(words)
    return None
