"""Leaderboards of figures that nobody measured, and names that nobody should have."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from synthetic import synthetic_record, synthetic_split

from esr.challenge.protocol import protocols
from esr.rank.entrants import Choices
from esr.records.official_results import official_entry
from esr.records.record import Failure, Record
from esr.records.results_folder import Row
from esr.report.board import Board, build_board
from esr.submissions.sidecar import Claims

HOSTILE = (
    "=cmd|' /C calc'!A0",
    '+1,"quoted",2',
    "-2+3;=1+1",
    "@SUM(A1:A9)",
    "'=already quoted",
    "\t=tab",
    "\r\n=new line",
    "two\nlines",
    "         11_VSCINet",
    "a|b||c",
    "<script>alert(1)</script>",
    "<!-- & &amp; -->",
    "**bold** _it_ `code` [link](javascript:x) ![i](//x)",
    "# heading",
    "1. item",
    "https://example.org/ www.example.org @someone",
    r"\input{/etc/passwd} \end{tabular} $x^2$ 50% #1 ~ a_b {",
    "[2pt] row option",
    "*starred",
    "\x1b[31mred\x1b[0m\x07\x9b1m",
    "evil\u202egnp.exe\u2066\u200b",
    "[bold red]markup[/] :smile:",
    "超分辨率 équipe 🙂 ÅßØ",
    "z" + "\u0301" * 50,
    "x" * 10_000,
    "=" * 10_000,
    "",
    "   ",
    "\x00nul",
    'quote"s and \\ back\\nslash',
)


def record(number: int, name: str, ms: float, psnr_db: float, *, repeats: bool = False) -> Record:
    """A record on the validation and the test set of 2026."""
    interval = (0.95 * ms, 1.06 * ms) if repeats else None
    splits = tuple(
        synthetic_split(role, 3, ms, psnr_db, interval, seed=number) for role in ("valid", "test")
    )
    return synthetic_record(number, name, splits, params=150_000 + 10_000 * number)


def row(measured: Record, failure: Failure | None = None) -> Row:
    """A row as the store makes it."""
    return Row(measured.label, measured, failure, official_entry(measured, "fvcore"))


def failed(label: str, reason: str) -> Row:
    """A row of a submission that was never measured."""
    return Row(label, failure=Failure(label, None, "load", reason, "2026-11-21T12:00:00Z"))


def varied(runtime: str = "robust") -> Board:
    """The baseline, four ranked (two of them tied), one below the gate, one of scale 2, two failed."""
    repeats = runtime == "robust"
    base, first, second, third, slow, poor = (
        record(number, name, ms, psnr, repeats=repeats)
        for number, (name, ms, psnr) in enumerate(
            [
                *(("SPAN", 8.0, 27.02), ("First", 5.0, 27.02), ("Second", 7.0, 27.10)),
                *(("Third", 7.02, 27.02), ("Slow", 120.0, 27.30), ("Poor", 4.0, 26.70)),
            ]
        )
    )
    claims = Claims(params_m=Decimal("0.160"), flops_g=Decimal("9.99"))
    first = replace(first, sidecar=replace(first.sidecar, claims=claims))
    other = record(6, "Double", 9.0, 30.0, repeats=repeats)
    other = replace(other, sidecar=replace(other.sidecar, scale=2))
    stale = record(7, "Stale", 10.0, 27.02, repeats=repeats)
    late = Failure(stale.label, 7, "timeout", "took longer than 60 s", "2026-11-22T12:00:00Z")
    rows = [*map(row, (base, first, second, third, slow, poor, other)), row(stale, late)]
    rows.append(failed("40_Broken", "no module named mamba_ssm"))
    return build_board(rows, protocols()["ntire2026"], Choices(runtime=runtime))


def hostile(names: tuple[str, ...] = HOSTILE) -> Board:
    """Every hostile name as label, team, note and reason, ranked, unranked and failed."""
    rows = []
    for number, name in enumerate(names):
        kind = number % 3
        if kind == 2:
            rows.append(failed(name, name))
            continue
        made = record(number, "Net", 5.0 + number, 27.02 if kind == 0 else 26.0)
        team = replace(made.sidecar.team, name=name)
        sidecar = replace(made.sidecar, team=team)
        made = replace(made, label=name, note=name, sidecar=sidecar)
        made = replace(made, machine=replace(made.machine, device_name=name))
        rows.append(row(made))
    return build_board(rows, protocols()["ntire2026"])
