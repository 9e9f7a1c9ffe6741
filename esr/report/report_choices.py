"""What an organizer has chosen for the tables and the report of a results folder: `choices.json`.

It lies beside the records, so that every later command that writes the tables anew, writes them by
the same choices. A picture is kept itself, not its path: the file may be moved or changed.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.toml_file import STRICT
from esr.base.visible_text import name, one_line
from esr.challenge.protocol import Protocol, protocols
from esr.rank.entrants import PUBLISHED, Choices
from esr.rank.runtimes import RUNTIMES
from esr.records.bounds import TEXT_AT_MOST
from esr.records.results_folder import Row
from esr.report.board import Board, build_board
from esr.report.csv_table import CsvColumns, choose_columns
from esr.report.html.page_title import (
    LOGO_URI,
    LOGO_URI_AT_MOST,
    TITLE_AT_MOST,
    PageTitle,
)

CHOICES_FILE = "choices.json"

_BYTES_AT_MOST = 2**20

Gate = Annotated[int, Field(ge=0, le=9)] | Literal["none", "protocol"]
"""Digits of PSNR that the gate looks at, all of them, or as the protocol says."""

Text = Annotated[str, Field(max_length=TEXT_AT_MOST)]


@validated(frozen=True, config=STRICT)
class ReportChoices:
    """What was chosen; None or False where the default was left."""

    protocol: Text | None = None
    gate_decimals: Gate | None = None
    runtime: Text | None = None
    baseline: Text | None = None
    """A row's label, or `published`."""
    constraints: bool = False
    mixed_machines: bool = False
    all_columns: bool = False
    title: Text | None = None
    subtitle: Text | None = None
    logo: Annotated[str, Field(max_length=LOGO_URI_AT_MOST, pattern=LOGO_URI)] | None = None
    """Data URI of a picture."""

    def __post_init__(self) -> None:
        if self.protocol is not None and self.protocol not in protocols():
            raise ValueError(f"no protocol is called '{name(self.protocol)}'")
        if self.runtime is not None and self.runtime not in RUNTIMES:
            raise ValueError(f"no runtime is called '{name(self.runtime)}'")

    def replaced_by(self, typed: ReportChoices) -> ReportChoices:
        """Take what was typed; what was not stays as it is."""
        return replace(self, **_list_chosen(typed))

    def for_run(self, stated: str | None, typed: ReportChoices) -> ReportChoices:
        """Take what was typed for a run that measures.

        Its rules are kept only in the place of others: records say by which they were measured.

        Args:
            stated: name of the protocol that was typed; None for the default.
            typed: the rest.
        """
        is_other = stated is not None and self.protocol is not None
        chosen = self.replaced_by(typed)
        return replace(chosen, protocol=stated) if is_other else chosen

    @property
    def rules(self) -> Protocol | None:
        """The protocol that was chosen."""
        return None if self.protocol is None else protocols()[self.protocol]

    @property
    def columns(self) -> CsvColumns:
        """Which columns `leaderboard.csv` has."""
        return choose_columns(self.all_columns)

    @property
    def page_title(self) -> PageTitle:
        """What the report is called."""
        title, subtitle = (
            one_line(text or "", TITLE_AT_MOST) for text in (self.title, self.subtitle)
        )
        return PageTitle(title, subtitle, self.logo or "")

    def build_board(self, rows: Sequence[Row], protocol: Protocol) -> Board:
        """Rank rows by the rules and these choices.

        A baseline that cannot serve is left out: rows come and go, and tables are written of all.

        Args:
            rows: of the results folder.
            protocol: the rules.
        """
        baseline = self.baseline if self.explain_baseline(rows, protocol) is None else None
        choices = Choices(
            self.runtime or "official", baseline, self.constraints, self.mixed_machines
        )
        return build_board(rows, set_gate(protocol, self.gate_decimals), choices)

    def explain_baseline(self, rows: Sequence[Row], protocol: Protocol) -> str | None:
        """Say why the chosen baseline cannot serve; None if it can, or none was chosen."""
        if self.baseline == PUBLISHED:
            return explain_published(rows, protocol)
        if self.baseline is None or any(row.label == self.baseline for row in rows):
            return None
        return f"{name(self.baseline)} is not among the rows"


def set_gate(protocol: Protocol, decimals: Gate | None) -> Protocol:
    """Let the gate look at so many digits of PSNR."""
    if protocol.gate is None or decimals in (None, "protocol"):
        return protocol
    digits = decimals if isinstance(decimals, int) else None
    return replace(protocol, gate=replace(protocol.gate, decimals=digits))


def explain_published(rows: Sequence[Row], protocol: Protocol) -> str | None:
    """Say why no row can be held against the published figures: a runtime of a CPU, say."""
    timed = [row for row in rows if row.record and row.record.clock == "perf_counter"]
    if not timed or not any("ave_time_ms" in track.terms for track in protocol.tracks):
        return None
    hardware = protocol.baseline.hardware if protocol.baseline else None
    return (
        f"the published runtime is of a GPU{f' ({hardware})' if hardware else ''},"
        f" {name(timed[0].name)} was timed on a CPU"
    )


def read_choices(results: Path) -> ReportChoices:
    """Read what was chosen for a results folder.

    Raises:
        UserError: the file is damaged, or somebody's who meant harm.
    """
    file = results / CHOICES_FILE
    if not os.path.lexists(file):
        return ReportChoices()
    try:
        return json_file.parse(ReportChoices, json_file.read_bytes(file, _BYTES_AT_MOST))
    except UserError as error:
        remedy = f"remove it, or: python -m esr leaderboard {shlex.quote(str(results))} --forget"
        raise UserError(error.what, where=file, remedy=remedy) from error


def keep_choices(chosen: ReportChoices, results: Path) -> None:
    """Keep what was chosen for the tables of a results folder; no file where nothing was.

    Raises:
        UserError: the folder cannot be written.
    """
    file, wanted = results / CHOICES_FILE, _list_chosen(chosen)
    if wanted:
        json_file.write_text(file, json_file.dump_text(wanted, indent=1) + "\n")
    elif os.path.lexists(file):
        file.unlink()


def describe_choices(chosen: ReportChoices, results: Path, board: Board) -> str | None:
    """Say what was chosen for the tables of a results folder, and how to drop it.

    Args:
        chosen: what they were written by.
        results: the folder.
        board: what was made of its rows.

    Returns:
        None if nothing was chosen
    """
    wanted = _list_chosen(chosen)
    if not wanted:
        return None
    words = " ".join(_write_option(option, value) for option, value in wanted.items())
    rows = [standing.row for standing in board.ranking.standings]
    problem = chosen.explain_baseline(rows, board.ranking.protocol)
    unused = f"; that baseline is not used: {problem}" if problem else ""
    return (
        f"Chosen for the tables, and kept ({CHOICES_FILE}): {words}{unused};"
        f" python -m esr leaderboard {shlex.quote(str(results))} --forget drops it"
    )


def _write_option(option: str, value: object) -> str:
    if value is True:
        return f"--{option}"
    return f"--{option} {'FILE' if option == 'logo' else shlex.quote(one_line(str(value)))}"


def _list_chosen(chosen: ReportChoices) -> dict[str, Any]:
    values = ((field.name, getattr(chosen, field.name)) for field in fields(chosen))
    return {option: value for option, value in values if value is not None and value is not False}
