"""Which year's challenge a clone is of: its script says so in its log and its parser.

Source: `NTIRE2022-EfficientSR` to `NTIRE2026-EfficientSR` in the official `test_demo.py`, as the
names of logger, log file and parser; forks of teams leave them as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from esr.base.errors import UserError
from esr.base.foreign_bytes import read_foreign
from esr.submissions.submission import SCRIPT

_NAME = re.compile(rb"NTIRE[ _-]?(20\d\d)[ _-]?EfficientSR", re.IGNORECASE)
_BYTES_AT_MOST = 2**22


def recognise_year(clone: Path) -> int | None:
    """Read the year; None where the script does not say it."""
    try:
        years = Counter(_NAME.findall(read_foreign(clone / SCRIPT, _BYTES_AT_MOST)))
    except UserError:
        return None
    return int(max(years, key=lambda year: (years[year], year))) if years else None
