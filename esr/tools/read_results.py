"""What a command that ranks was given: a results folder, or an official `results.json`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.protocol import DEFAULT_PROTOCOL, Protocol, protocols
from esr.rank.entrants import is_baseline
from esr.rank.figures import read_rows
from esr.records import official_results
from esr.records.official_results import Official
from esr.records.results_folder import Row, Store
from esr.report.report_choices import read_choices

_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_PLACES_LOOKED_AT = 3
"""Of a path, from its end: the file, its folder, and the folder of that."""


@dataclass(frozen=True)
class Results:
    """What was read."""

    rows: list[Row]
    official: dict[str, Official]
    """Everything that `results.txt` lists."""
    protocol: Protocol
    """The rules: those that were stated, else its own, else the default."""
    has_own_rules: bool
    """Whether it says by which rules it was measured."""


def is_results_folder(path: Path) -> bool:
    """Tell whether a path is a results folder of ours."""
    return (path / "records").is_dir()


def load_by_own_rules(path: Path, typed: str | None) -> Results:
    """Read a path by the rules that were typed, else chosen for it before, else its own.

    Raises:
        UserError: as `load_results`, or what was chosen cannot be read.
    """
    if typed is None and is_results_folder(path):
        typed = read_choices(path).protocol
    return load_results(path, typed)


def load_results(path: Path, rules: str | None) -> Results:
    """Read a results folder, or a `results.json` as the official script writes it.

    Args:
        path: what the user has given.
        rules: name of a protocol; None for the path's own, or else the default.

    Raises:
        UserError: there is nothing there, or it cannot be read.
    """
    protocol = None if rules is None else protocols()[rules]
    if path.is_dir() and (rows := (store := Store(path, protocol)).shown_rows()):
        has_own_rules = store.own_protocol() is not None
        return Results(rows, store.results(rows), store.protocol(), has_own_rules)
    file = path / "results.json" if path.is_dir() else path
    _refuse_part(path)
    if not file.exists():
        raise UserError(
            "holds no results" if path.is_dir() else "no such file or folder",
            where=path,
            remedy=_advise(path),
        )
    # The path is the user's own, who may well have linked it.
    official = official_results.read_results(file.resolve())
    if not official and path.is_dir() and Store(path, protocol).rows():
        remedy = f"python -m esr rows {shlex.quote(str(path))} --show LABEL takes one back"
        raise UserError("every row of it is hidden", where=path, remedy=remedy)
    if not official:
        raise UserError("holds no results", where=file)
    default = protocols()[DEFAULT_PROTOCOL]
    return Results(read_rows(official), official, protocol or default, has_own_rules=False)


def suggest_year(results: Results, path: Path) -> str | None:
    """Say of which year results without rules of their own seem to be, if not of these rules.

    By the records beside it; by the baseline among the rows; or else by a year in the path.
    """
    if results.has_own_rules or any(is_baseline(row, results.protocol) for row in results.rows):
        return None
    names = [*_find_beside(path), *_find_by_baseline(results.rows), *_find_by_path(path)]
    if not names or names[0] == results.protocol.name:
        return None
    return (
        f"Ranked by the rules of {results.protocol.name}, since a results.json names none;"
        f" it seems to be of {names[0]}: --protocol {names[0]}"
    )


def _find_beside(path: Path) -> list[str]:
    own = Store(path.parent, None).own_protocol() if is_results_folder(path.parent) else None
    return [] if own is None else [own]


def _find_by_baseline(rows: Sequence[Row]) -> list[str]:
    return [
        protocol.name
        for protocol in protocols().values()
        if any(is_baseline(row, protocol) for row in rows)
    ]


def _find_by_path(path: Path) -> list[str]:
    parts = reversed(path.absolute().parts[-_PLACES_LOOKED_AT:])
    names = [f"ntire{year}" for part in parts for year in _YEAR.findall(part)]
    return [name for name in names if name in protocols()]


def _advise(path: Path) -> str:
    """Say what to give instead of a path that cannot be ranked."""
    for place in path.absolute().parents:
        if is_results_folder(place) or (place / "results.json").is_file():
            return f"give the folder: python -m esr leaderboard {place}"
    return "give a --save_dir of test_demo.py, or an official results.json"


def _refuse_part(path: Path) -> None:
    """Refuse what is written beside the results, or is one of them.

    Raises:
        UserError: it is such a file.
    """
    if not path.is_file():
        return
    if path.suffix.lower() != ".json":
        what = "is a table made of results, from which nothing is read"
        raise UserError(what, where=path, remedy=_advise(path))
    if path.absolute().parent.name in ("records", "failures"):
        raise UserError("is of one submission alone", where=path, remedy=_advise(path))
