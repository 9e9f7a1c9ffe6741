"""A stranger's Python file, parsed and never run.

Python's parser gives up on what nests deeper than anybody writes, and not in one way only.
"""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

from esr.base.errors import UserError
from esr.base.foreign_bytes import read_foreign

_BYTES_AT_MOST = 2**22


def parse_source(file: Path) -> ast.Module:
    """Parse an ordinary file.

    Raises:
        SyntaxError: it is no Python; it says where.
        UserError: it cannot be read, or is no Python that can be parsed.
    """
    source = read_foreign(file, _BYTES_AT_MOST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError("is no Python that can be read", where=file) from error
