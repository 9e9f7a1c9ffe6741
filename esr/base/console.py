"""Standard output, through rich."""

from __future__ import annotations

import io
import sys

from rich.console import Console


def stdout() -> Console:
    """Open standard output for whatever names are printed."""
    # A name of any script must not end a run on a terminal that lacks its letters.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return Console(highlight=False)
