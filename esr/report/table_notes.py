"""What a reader of the table alone has to know: what forbids a comparison, and who is not ranked.

A paper prints the table without the other files, where all remarks stand.
"""

from __future__ import annotations

import re

from esr.report.board import Board
from esr.report.ranking_remarks import describe_ranked_runtime, explain_unranked

_COMMAND = re.compile(r" \(python -m [^()]*\)")
"""A hint to who measured, not to who reads."""


def write_notes(board: Board, with_reasons: bool = True) -> list[str]:
    """Choose remarks for below the table, a sentence each.

    Args:
        board: the leaderboard.
        with_reasons: whether to say why rows are not ranked.
    """
    notes = [remark for remark in board.remarks if remark.grade == "forbids"]
    if with_reasons:
        notes += explain_unranked(board.ranking)
    runtime = describe_ranked_runtime(board.ranking)
    return [_end(_COMMAND.sub("", note)) for note in (*notes, *([runtime] if runtime else []))]


def _end(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."
