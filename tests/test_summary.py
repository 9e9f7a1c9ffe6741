"""The end of a run over many submissions, on a terminal of 80 columns."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from synthetic import synthetic_record, synthetic_split

from esr.records.record import Failure
from esr.report.terminal import lay_out_summary

SAVE_DIR = Path("/a/long/path/to/results")


def _printed(kept: list, outcomes: list, recorded: list[str]) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    console.print(lay_out_summary(kept, outcomes, recorded, SAVE_DIR))
    return console.file.getvalue().splitlines()


def _failure(number: int, reason: str, stage: str = "restore") -> Failure:
    label = f"{number:02d}_Net"
    log = None if stage == "discover" else str(SAVE_DIR / "logs" / f"{label}.log")
    return Failure(label, number, stage, reason, "2026-11-21", log)


def test_forty_submissions_are_told_on_one_screen() -> None:
    splits = (synthetic_split("valid", 2, 3.0),)
    records = [synthetic_record(number, "ANetOfUsualLength", splits) for number in range(34)]
    failures = [
        _failure(34, "RuntimeError: " + "very long " * 60),
        _failure(35, "no result after 3600 s (in stage restore)", "timeout"),
        _failure(36, "no checkpoint: expected model_zoo/team36.pth", "discover"),
        *(_failure(number, "IndexError: index 99 is out of bounds") for number in (37, 38, 39)),
    ]
    lines = _printed(records[30:], [*records[:30], *failures], ["39_Net", "00_ANetOfUsualLength"])
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for label in (*(record.label for record in records), *(failure.label for failure in failures)):
        assert text.count(label) == (2 if "logs/" + label in text else 1)
    starts = [line.split()[:2] for line in lines if line[0] != " "]
    assert starts == [["done", "30"], ["kept", "4"], ["failed", "5"], ["stale", "1"]]
    assert str(SAVE_DIR) not in text
    assert "36_Net: discover 37_Net" in text
    assert "no checkpoint" not in text
    assert "log: logs/36" not in text


def test_a_baseline_that_is_measured_often_counts_once_as_it_ended() -> None:
    record = synthetic_record(0, "Base", (synthetic_split("valid", 2, 3.0),))
    failed = Failure("00_Base", 0, "crash", "gone", "2026-11-21")
    assert [line.split()[:2] for line in _printed([], [record, record], [])] == [["done", "1"]]
    assert [line.split()[:2] for line in _printed([], [record, failed], ["00_Base"])] == [
        ["stale", "1"]
    ]


def test_a_name_cannot_write_to_the_terminal() -> None:
    lines = _printed([], [Failure("01_\x1b[2J", 1, "load", "a\nb[red]c", "2026-11-21")], [])
    assert "\x1b" not in "".join(lines)
    assert "load" in " ".join(lines)
