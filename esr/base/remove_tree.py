"""Folders that somebody else has filled are removed, however deep and whatever their rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, following no link; what resists is a warning.

    Python's own `shutil.rmtree` gives up at some hundred nested folders, rm(1) does not.
    """
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    for command in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if os.path.lexists(folder):
            with suppress(OSError):  # Some systems have no such program.
                subprocess.run([*command, "--", folder], capture_output=True, check=False)
    if os.path.lexists(folder):
        sys.stderr.write(f"warning: {folder} could not be removed; remove it by hand\n")
