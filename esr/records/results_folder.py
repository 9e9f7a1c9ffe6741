"""The results folder: one file a submission, and the tables that are rebuilt from those files.

Nothing that was there is lost: a failure is kept beside an earlier record, and models in
`results.json` that came from elsewhere stay in it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from esr.base import json_file
from esr.base.errors import UserError, cause
from esr.base.log_file import file_handler
from esr.challenge.protocol import Protocol
from esr.records import official_results
from esr.records.record import SCHEMA, Failure, Outcome, Record

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """What is known of one submission: its latest record, its latest failure, or both."""

    label: str
    record: Record | None = None
    failure: Failure | None = None
    """A success removes it, so it is later than the record."""
    official: official_results.Official | None = None
    """The record in the official keys, or an entry of somebody else's `results.json`."""


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

    def open(self) -> None:
        """Make sure that the folder can be written and holds nothing unreadable.

        Raises:
            UserError: it cannot, or it does; nothing was changed.
        """
        for name in ("records", "failures", "logs"):
            _make_folder(self.save_dir / name)
        file_handler(self.log).close()
        official_results.table(self._foreign_results())
        self.rows()

    def save(self, outcome: Outcome) -> None:
        """Keep an outcome and rebuild every table."""
        failure_file = self.save_dir / "failures" / f"{outcome.label}.json"
        if isinstance(outcome, Record):
            json_file.dump(outcome, self._record_file(outcome.label))
            failure_file.unlink(missing_ok=True)
        else:
            json_file.dump(outcome, failure_file)
        self.publish()

    def rows(self) -> list[Row]:
        """Read every row, sorted by label.

        Raises:
            UserError: a file that is damaged or of another version.
        """
        records = {record.label: record for record in self._load_all("records", Record)}
        failures = {failure.label: failure for failure in self._load_all("failures", Failure)}
        for path in sorted((self.save_dir / "records").glob("*.json")):
            if path.stem not in records and path.exists():
                raise UserError(
                    "is a record under another name than its label",
                    where=path,
                    remedy="move the copy out of the folder",
                )
        for record in records.values():
            if record.schema != SCHEMA:
                raise UserError(
                    f"written by version {record.schema} of the harness, this is {SCHEMA}",
                    where=self._record_file(record.label),
                    remedy="use another --save_dir or move the file away",
                )
        return [
            self._row(label, records.get(label), failures.get(label))
            for label in sorted(records.keys() | failures.keys())
        ]

    def _row(self, label: str, record: Record | None, failure: Failure | None) -> Row:
        counter = self._protocol.flops_counter
        official = official_results.entry(record, counter) if record else None
        return Row(label, record, failure, official)

    def results(self, rows: list[Row]) -> dict[str, official_results.Official]:
        """Say rows in the official keys, beside what somebody else left in `results.json`."""
        own = {row.label: row.official for row in rows if row.official is not None}
        return self._foreign_results() | own

    def publish(self) -> None:
        """Rebuild `results.json`, `results.txt` and what the publishers write."""
        rows = self.rows()
        results = self.results(rows)
        json_file.write_text(self._results_file, json.dumps(results))
        json_file.write_text(self.save_dir / "results.txt", official_results.table(results))
        for publisher in self._publishers:
            publisher(rows, self.save_dir)

    @property
    def log(self) -> Path:
        """The run's log."""
        return self.save_dir / "logs" / "test_demo.log"

    @property
    def _results_file(self) -> Path:
        return self.save_dir / "results.json"

    def _record_file(self, label: str) -> Path:
        return self.save_dir / "records" / f"{label}.json"

    def _foreign_results(self) -> dict[str, official_results.Official]:
        return (
            json_file.load(dict[str, official_results.Official], self._results_file)
            if self._results_file.exists()
            else {}
        )

    def _load_all(self, folder: str, kind: type[T]) -> list[T]:
        found = []
        for path in sorted((self.save_dir / folder).glob("*.json")):
            try:
                found.append(json_file.load(kind, path))
            except UserError:
                if path.exists():  # Another run into this folder may just have removed it.
                    raise
        return found


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
