"""The programs and styles of `report.html`, packed so that the page stays small.

Plotly draws the charts and DataTables the tables: both wheels hold the whole library, so that the
page needs no network. A partial Plotly bundle, a third as large, is on no package index for
Python; compressed, the whole takes 2 MB of the page instead of 4.8. The browser unpacks it
(`DecompressionStream`, in every browser since 2023); without that, tables and texts are there and
charts are not.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from esr.base.errors import UserError

TEMPLATES = Path(__file__).parent / "templates"

_SCRIPTS = ("unpack", "page", "tables", "labels", "scatter", "boxes", "crops", "copy", "start")
"""Files of the page's own program, in the order in which they build on each other."""


def read_program() -> str:
    """Join the files of the page's program into one module."""
    return "\n".join(read_template(f"{script}.js") for script in _SCRIPTS)


def read_template(file: str) -> str:
    """Read a file beside the templates."""
    return (TEMPLATES / file).read_text(encoding="utf-8")


def pack(data: bytes) -> str:
    """Compress, and write in letters that mean nothing in HTML."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def pack_json(value: object) -> str:
    """The same of a value."""
    return pack(json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


@cache
def pack_asset(package: str, *parts: str) -> str:
    """Pack a file of a package without importing the package, which would cost more.

    Raises:
        UserError: the package is not installed.
    """
    return pack(read_asset(package, *parts).encode())


def read_asset(package: str, *parts: str) -> str:
    """Read a file of a package.

    Raises:
        UserError: the package is not installed.
    """
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], *parts) if folders else None
    if path is None or not path.exists():
        raise UserError(
            f"report.html cannot be made: {package} is not installed, or too old",
            remedy="pip install -r requirements.txt",
        )
    return path.read_text(encoding="utf-8")


def write_policy(scripts: Sequence[str]) -> str:
    """Allow these programs, what they themselves unpack, and nothing from a network."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src blob: {hashes}; style-src 'unsafe-inline';"
        " img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
