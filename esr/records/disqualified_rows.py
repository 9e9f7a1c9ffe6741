"""Who has lost rank and score by an organizer's word, and why: `disqualified.json`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from esr.base import json_file

KEY = "disqualified"
"""Of the reason in an entry of `results.json`, beside the official keys."""

UNSAID = "no reason is given"
"""Of a file that was written by hand."""


class DisqualifiedRows:
    """The file that names them.

    Args:
        file: where it is, or will be.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> dict[str, str]:
        """Read the reasons, by label.

        Raises:
            UserError: the file cannot be read.
        """
        if not self._file.exists():
            return {}
        reasons = json_file.load(dict[str, str], self._file)
        return {label: reason.strip() or UNSAID for label, reason in reasons.items()}

    def add(self, labels: Iterable[str], reason: str) -> None:
        """Disqualify rows, or give them another reason."""
        self._write(self.read() | dict.fromkeys(labels, reason))

    def drop(self, labels: Iterable[str]) -> None:
        """Rank rows again."""
        dropped = {*labels}
        self._write({label: why for label, why in self.read().items() if label not in dropped})

    def _write(self, reasons: dict[str, str]) -> None:
        if reasons or self._file.exists():
            text = json_file.dump_text(reasons, indent=1, ensure_ascii=False, sort_keys=True)
            json_file.write_text(self._file, text + "\n")
