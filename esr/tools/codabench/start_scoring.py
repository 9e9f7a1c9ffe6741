"""What the server starts, as `score.py` at the top of a scoring program.

Python 3.7 must be able to read it: that is what an image has of which nobody has thought. Where the
image lacks a requirement, it is installed beside; that needs a network. The `Dockerfile` in the
bundle makes an image that lacks nothing.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

OLDEST = (3, 11)
MODULES = ("numpy", "cv2", "PIL")
"""What the requirements are imported as."""
PROGRAM = "esr.tools.codabench.scoring_program"


def main(arguments: Sequence[str]) -> int:
    """Find what is needed, then score."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here))
    complaint = _complain(here / "requirements.txt")
    if complaint:
        return _refuse(complaint)
    try:
        program = importlib.import_module(PROGRAM)
    except ImportError as error:  # A library of the system that a package needs, mostly.
        return _refuse(f"the image of this competition cannot import what it needs ({error})")
    return int(program.main(arguments))


def _refuse(complaint: str) -> int:
    line = " ".join(complaint.split())
    sys.stderr.write(f"error: {line}; tell the organizers\n")
    return 2


def _complain(requirements: Path) -> str:
    if sys.version_info < OLDEST:
        version = ".".join(map(str, sys.version_info[:2]))
        return f"the image of this competition has Python {version}, not 3.11 or newer"
    if not _missing():
        return ""
    folder = tempfile.mkdtemp()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*install, "--target", folder, "-r", str(requirements)], capture_output=True, check=False
    )
    sys.path.insert(1, folder)
    importlib.invalidate_caches()
    lacking = ", ".join(_missing())
    status = f"pip ended with status {done.returncode}"
    return f"the image of this competition lacks {lacking}, and {status}" if lacking else ""


def _missing() -> list[str]:
    return [module for module in MODULES if find_spec(module) is None]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
