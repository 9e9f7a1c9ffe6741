"""Results that a report is made from: everything it can show, and text that tries to break out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import cv2
import numpy as np
from synthetic import synthetic_record, synthetic_split

from esr.base import json_file
from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.records.measurement import Flag
from esr.records.record import Crop, Failure, Record
from esr.report.board import Board, build_board
from esr.report.html.html_report import render_html
from esr.submissions.sidecar import Claims, Team
from esr.tools.read_results import load_results

HOSTILE = (
    "</script><script>window.pwned = 1; alert(1)</script>"
    "<img src=x onerror=\"window.pwned = 2\"><svg/onload='window.pwned = 3'>"
    "\n\"'`&amp;<b>bold</b> =cmd() {{ 7 * 7 }} {% raw %} %{x} \u202ereversed 名前 \U0001f600 \\ $"
)
"""HTML, quotes, a line break, formulas, template syntax, Unicode."""

HOSTILE_LABEL = "08_<img src=x onerror=window.pwned=4>"
NOTED = "01_Fast"


def _record(number: int, name: str, runtime_ms: float, psnr_db: float, params: int) -> Record:
    splits = tuple(
        synthetic_split(
            role, 12, runtime_ms, psnr_db + above, (runtime_ms - 0.1, runtime_ms + 0.1), number
        )
        for role, above in (("valid", 0.0), ("test", 0.07))
    )
    record = synthetic_record(number, name, splits, params)
    claims = Claims(params_m=Decimal("0.139"), val_psnr_db=Decimal("26.92"))
    return replace(record, sidecar=replace(record.sidecar, claims=claims))


def _with_crops(record: Record, results: Path) -> Record:
    for choice in ("worst", "best"):
        for number, picture in enumerate(("bicubic", "sr", "hr")):
            file = results / "crops" / record.label / f"{choice}-{picture}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), np.full((96, 96, 3), 60 * number + 40, np.uint8))
    worst = Crop("worst", "valid", "0801.png", 22.31, 21.25, 20.12, 96, 32, 96)
    return replace(record, crops=(worst, replace(worst, choice="best", image="0802.png")))


def write_results(results: Path) -> None:
    """Write ranked, tied, unranked, failed and hostile submissions."""
    fast = _with_crops(_record(1, "Fast", 5.2, 26.92, 139_000), results)
    flags = (Flag("cached_output", "the second call took 2 % of the time of the first"),)
    hostile = replace(
        _with_crops(_record(8, "Hostile", 9.0, 26.93, 170_000), results),
        note=HOSTILE,
        flags=(Flag(HOSTILE, HOSTILE),),
    )
    hostile = replace(
        hostile, label=HOSTILE_LABEL, sidecar=replace(hostile.sidecar, team=Team(HOSTILE, HOSTILE))
    )
    records = (
        _record(0, "SPAN", 8.0, 26.94, 151_000),
        replace(fast, flags=flags),
        _record(2, "TieA", 6.0, 26.95, 142_000),
        _record(3, "TieB", 6.02, 26.93, 144_000),
        _record(4, "Slow", 60.0, 27.20, 1_100_000),
        _record(5, "Blurred", 5.0, 26.60, 99_000),
        _record(7, "Stale", 7.0, 26.95, 200_000),
        hostile,
    )
    for record in records:
        json_file.dump(record, results / "records" / f"{record.label}.json")
    date = "2026-11-21T12:00:00+00:00"
    for failure in (
        Failure("06_Broken", 6, "import", f"ModuleNotFoundError: {HOSTILE}", date),
        Failure("07_Stale", 7, "timeout", "took longer than 600 s", date),
    ):
        json_file.dump(failure, results / "failures" / f"{failure.label}.json")


def board_of(path: Path, protocol: str = "ntire2026", choices: Choices | None = None) -> Board:
    """Rank what is in a results folder or an official file."""
    rules = protocols()[protocol]
    rows = load_results(path, rules.name).rows
    return build_board(rows, rules, choices)


def write_page(results: Path, page: Path, choices: Choices | None = None) -> Path:
    """Render a results folder or an official file."""
    folder = results if results.is_dir() else results.parent
    page.write_text(render_html(board_of(results, choices=choices), folder), "utf-8")
    return page
