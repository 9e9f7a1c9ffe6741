"""A path as people would write it: from the root, without steps up and down again."""

from __future__ import annotations

import os
from pathlib import Path


def make_plain(path: Path) -> Path:
    """Make a path absolute and leave out `..`, where that leads to the same place.

    Where a link stands before `..` it does not: `link/..` lies above what the link leads to. Links
    stay as they are, since people know a place by its link.
    """
    plain = os.path.normpath(path.absolute())
    return Path(plain) if os.path.realpath(plain) == os.path.realpath(path) else path.absolute()
