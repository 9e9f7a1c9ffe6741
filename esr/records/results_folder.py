"""The results folder: one file a submission, and the tables that are rebuilt from those files.

Nothing that was there is lost: a failure is kept beside an earlier record, a record that another
one replaces is moved away, and models in `results.json` that came from elsewhere stay in it.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError, cause, printable_line
from esr.base.log_file import file_handler
from esr.base.scratch import scratch_folder
from esr.challenge.protocol import Protocol
from esr.records import official_results
from esr.records.bounds import refuse_impossible
from esr.records.disqualified_rows import KEY, DisqualifiedRows
from esr.records.join_records import align_validation
from esr.records.outcome_files import OutcomeFiles, Stamp, read_failure, stamp
from esr.records.record import Failure, Outcome, Record, read_record
from esr.records.replace_record import Replacement, move_aside, replace_record


@dataclass(frozen=True)
class Row:
    """What is known of one submission: its latest record, its latest failure, or both."""

    label: str
    record: Record | None = None
    failure: Failure | None = None
    """A success removes it, so it is later than the record."""
    official: official_results.Official | None = None
    """The record in the official keys, or an entry of somebody else's `results.json`."""
    is_gone: bool = False
    """Whether it failed and its model is not there any more: the failure says nothing of today."""
    is_title_shared: bool = False
    """Whether another row has the same title, so that the label has to tell them apart."""
    disqualified: str | None = None
    """Why an organizer has taken its rank and score away; None if nobody has."""

    @property
    def name(self) -> str:
        """What it is called, in every table, remark and line."""
        return self.label if self.is_title_shared else self.title

    @property
    def is_believed(self) -> bool:
        """Whether its figures are of today and nobody has disqualified it."""
        return self.failure is None and self.disqualified is None

    @property
    def title(self) -> str:
        """What it calls itself, which others may do as well."""
        outcome = self.record or self.failure
        return self.label if outcome is None else outcome.title


Publisher = Callable[[list[Row], Path], None]
"""Writes one more table of all rows into the results folder."""


class Store:
    """A results folder.

    Args:
        save_dir: the folder.
        protocol: whose FLOPs are published.
        publishers: called whenever an outcome was saved.
    """

    def __init__(
        self, save_dir: Path, protocol: Protocol, publishers: tuple[Publisher, ...] = ()
    ) -> None:
        self.save_dir = save_dir
        self._protocol = protocol
        self._publishers = publishers
        self._dropped: set[str] = set()
        self._written: tuple[Stamp, dict[str, official_results.Official]] = None, {}
        self._records = OutcomeFiles(self.save_dir / "records", read_record)
        self.disqualified = DisqualifiedRows(self.save_dir / "disqualified.json")
        self._failures = OutcomeFiles(self.save_dir / "failures", read_failure)

    def open(self) -> None:
        """Make sure that the folder can be written, and that what others left in it can be kept.

        Raises:
            UserError: it cannot; nothing was changed.
        """
        for name in ("records", "failures", "logs"):
            _make_folder(self.save_dir / name)
        file_handler(self.log).close()
        self.disqualified.read()
        official_results.results_table(self._foreign_results())

    def save(self, outcome: Outcome) -> Replacement | None:
        """Keep an outcome and rebuild every table."""
        replaced = self.keep(outcome)
        self.publish()
        return replaced

    def keep(self, outcome: Outcome) -> Replacement | None:
        """Keep an outcome, and leave the tables as they are.

        The data sets of an earlier record stay in the new one where it is of the same submission.

        Returns:
            what was there before, if it is of something else and was moved away
        """
        outcome = _readable(outcome)
        failure_file = self.save_dir / "failures" / f"{outcome.label}.json"
        if not isinstance(outcome, Record):
            json_file.dump(outcome, failure_file)
            return None
        record_file = self.save_dir / "records" / f"{outcome.label}.json"
        replaced = replace_record(outcome, record_file)
        failure_file.unlink(missing_ok=True)
        return replaced

    def rows(self) -> list[Row]:
        """Read every row, sorted by label; a file that cannot be read is a row that says why.

        Those that are hidden are among them.

        Raises:
            UserError: the file that names the disqualified cannot be read.
        """
        reasons = self.disqualified.read()
        return [replace(row, disqualified=reasons.get(row.label)) for row in self._read_rows()]

    def _read_rows(self) -> list[Row]:
        records, no_records = self._records.read_all()
        failures, no_failures = self._failures.read_all()
        failures = {**no_records, **no_failures, **failures}
        records = dict(zip(records, align_validation([*records.values()]), strict=True))
        return _tell_apart(
            self._row(label, records.get(label), failures.get(label))
            for label in sorted(records.keys() | failures.keys())
        )

    def shown_rows(self) -> list[Row]:
        """Read the rows that are not hidden."""
        hidden = self.hidden()
        return _tell_apart(row for row in self.rows() if row.label not in hidden)

    def hidden(self) -> set[str]:
        """Read the labels of the rows that no table shows.

        Raises:
            UserError: the file that names them cannot be read.
        """
        file = self._hidden_file
        return set(json_file.load(list[str], file)) if file.exists() else set()

    def hide(self, labels: Iterable[str]) -> None:
        """Leave rows out of every table; what was measured stays."""
        self._write_hidden(self.hidden() | {*labels})

    def show(self, labels: Iterable[str]) -> None:
        """Take rows into the tables again."""
        self._write_hidden(self.hidden() - {*labels})

    def remove(self, labels: Iterable[str]) -> list[Path]:
        """Move records and failures away, where nobody reads them.

        Returns:
            where they are now
        """
        wanted, moved = {*labels}, []
        for row in self.rows():
            if row.label in wanted:
                self._dropped |= {*_list_names(row)}
        for label in sorted(wanted):
            for kind in ("records", "failures"):
                file = self.save_dir / kind / f"{label}.json"
                if file.exists():
                    moved.append(move_aside(file, file.parent / "removed"))
        self.show(wanted)
        self.disqualified.drop(wanted)
        return moved

    def _write_hidden(self, labels: set[str]) -> None:
        if labels or self._hidden_file.exists():
            json_file.write_text(self._hidden_file, json_file.dump_text(sorted(labels)) + "\n")

    def _row(self, label: str, record: Record | None, failure: Failure | None) -> Row:
        counter = self._protocol.flops_counter
        official = official_results.official_entry(record, counter) if record else None
        is_gone = failure is not None and _has_lost_its_model(failure)
        return Row(label, record, failure, official, is_gone)

    def _showable(self, rows: list[Row]) -> list[Row]:
        """Make a failure of each row that cannot be shown, whoever wrote it."""
        return [row if (why := self._obstacle(row)) is None else why for row in rows]

    def _obstacle(self, row: Row) -> Row | None:
        with scratch_folder() as trial:
            try:
                for publisher in self._publishers:
                    publisher([row], trial)
            except Exception as error:
                reason = printable_line(f"its record cannot be shown: {type(error).__name__}")
                model_id = row.record.model_id if row.record else None
                date = datetime.now(UTC).isoformat(timespec="seconds")
                return Row(row.label, failure=Failure(row.label, model_id, "record", reason, date))
        return None

    def results(self, rows: list[Row]) -> dict[str, official_results.Official]:
        """Say rows in the official keys, beside what somebody else left in `results.json`."""
        measured = {
            row.name: row.official | ({KEY: row.disqualified} if row.disqualified else {})
            for row in rows
            if row.official is not None
        }
        # What these rows were called before, by an older version or while the name was not shared.
        known = {each for row in (*rows, *self.rows()) for each in _list_names(row)}
        spelled = (known | self._dropped) - measured.keys()
        foreign = self._foreign_results().items()
        return {key: value for key, value in foreign if key not in spelled} | measured

    def publish(self) -> None:
        """Rebuild `results.json`, `results.txt` and what the publishers write."""
        rows = self.shown_rows()
        results = self.results(rows)
        json_file.write_text(self._results_file, json_file.dump_text(results))
        self._written = stamp(self._results_file), results
        json_file.write_text(self.save_dir / "results.txt", official_results.results_table(results))
        try:
            self._publish_rows(rows)
        except UserError:
            raise
        except Exception:  # One row must not cost the others theirs.
            self._publish_rows(self._showable(rows))

    def _publish_rows(self, rows: list[Row]) -> None:
        for publisher in self._publishers:
            publisher(rows, self.save_dir)

    @property
    def log(self) -> Path:
        """The run's log."""
        return self.save_dir / "logs" / "test_demo.log"

    @property
    def _hidden_file(self) -> Path:
        return self.save_dir / "hidden.json"

    @property
    def _results_file(self) -> Path:
        return self.save_dir / "results.json"

    def _foreign_results(self) -> dict[str, official_results.Official]:
        then, results = self._written
        if then is not None and then == stamp(self._results_file):
            return results
        return (
            official_results.read_results(self._results_file) if self._results_file.exists() else {}
        )


def _tell_apart(rows: Iterable[Row]) -> list[Row]:
    """Call those by their labels whose titles are the same."""
    made = [*rows]
    called = Counter(text for row in made for text in {row.title, row.label})
    return [replace(row, is_title_shared=called[row.title] > 1) for row in made]


def _list_names(row: Row) -> Iterator[str]:
    """List what a row is called, or was: by an older version, or while nobody else was so."""
    yield row.label
    yield from (outcome.title for outcome in (row.record, row.failure) if outcome)


def _readable(outcome: Outcome) -> Outcome:
    """Make a failure of a record that could not be read again."""
    if not isinstance(outcome, Record):
        return outcome
    try:
        refuse_impossible(outcome)
    except UserError as error:
        reason, date = printable_line(f"its record {error.what}"), outcome.provenance.date
        return Failure(outcome.label, outcome.model_id, "invalid", reason, date)
    return outcome


def _has_lost_its_model(failure: Failure) -> bool:
    """Whether its file is gone, as far as this machine is the one that it lay on."""
    if failure.model_file is None:
        return False
    file = Path(failure.model_file)
    was_here = file.parent.is_dir() or file.parent.parent.is_dir()
    return was_here and not os.path.lexists(file)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise UserError(
            f"cannot be written ({cause(error)})",
            where=f"--save_dir {path}",
            remedy="choose a folder you may write to",
        ) from error
