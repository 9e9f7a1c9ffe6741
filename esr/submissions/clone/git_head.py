"""Which commit of a clone is checked out, read without running git in it.

A stranger's `.git/config` may name programs that git would start.
"""

from __future__ import annotations

import re
from pathlib import Path

from esr.base.errors import UserError
from esr.base.json_file import read_bytes

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"ref: (refs/[\w./-]+)")


def checked_out(clone: Path) -> str | None:
    """Return the commit; None where that cannot be told."""
    git = clone / ".git"
    head = _text(git / "HEAD").strip()
    if named := _REF.fullmatch(head):
        ref = named[1]
        if ".." in ref:
            return None
        packed = (line.split(" ") for line in _text(git / "packed-refs").splitlines())
        commits = {words[1]: words[0] for words in packed if len(words) == 2}
        head = _text(git / ref).strip() or commits.get(ref, "")
    return head if _COMMIT.fullmatch(head) else None


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8", "replace")
    except UserError:
        return ""
