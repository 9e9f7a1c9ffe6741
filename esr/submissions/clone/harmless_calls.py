"""Functions and methods of a stranger's source that are carried out where all they get is known.

None of them may take memory or time beyond what the source itself has cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

KEYS = "<keys>"
"""Name of a function that no source can call: what a table can be looked up by."""

_SIZE_AT_MOST = 10_000
_SPREAD_AT_MOST = 300
_WIDE = re.compile(r"\d{4,}")


class Unknown(Exception):
    """The value of an expression cannot be told."""


def call_method(owner: object, name: str, given: Sequence[Any]) -> object:
    """Call a method of a text or a table.

    Raises:
        Unknown: it is none of those here.
    """
    if isinstance(owner, str) and name == "join" and len(given) == 1:
        return _join(owner, *given)
    if isinstance(owner, str) and name in _OF_TEXTS and all(map(_is_small, given)):
        return _OF_TEXTS[name](short(owner), *given)
    if isinstance(owner, dict) and name in _OF_TABLES:
        return _OF_TABLES[name](owner, *given)
    raise Unknown


def join_paths(first: object, *others: object) -> str:
    """Join the parts of a path, each of which is a text here."""
    parts = [first, *others]
    if not all(isinstance(part, str) for part in parts):
        raise Unknown
    ends = [str(first).rstrip("/"), *(str(part).strip("/") for part in others)]
    return _join("/", ends)


def few(table: dict[Any, object]) -> dict[Any, object]:
    """Let a table pass that is copied by every statement that spreads it."""
    if not isinstance(table, dict) or len(table) > _SPREAD_AT_MOST:
        raise Unknown
    return table


def short(result: Any) -> Any:  # noqa: ANN401
    """Let a text pass that is none of millions, and asks for no such width."""
    if isinstance(result, str) and (len(result) > _SIZE_AT_MOST or _WIDE.search(result)):
        raise Unknown
    return result


def _join(separator: str, parts: Sequence[Any]) -> str:
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise Unknown
    if sum(map(len, parts)) + len(separator) * len(parts) > _SIZE_AT_MOST:
        raise Unknown
    joined: str = short(separator.join(parts))
    return joined


def _is_small(argument: object) -> bool:
    return isinstance(argument, str) or (
        isinstance(argument, int) and abs(argument) < _SIZE_AT_MOST
    )


def _range(*given: int) -> range:
    numbers = range(*given)
    # Looking for what is no number in it takes as long as counting to its end.
    if len(numbers) > _SIZE_AT_MOST:
        raise Unknown
    return numbers


def _keys(table: Any) -> Any:  # noqa: ANN401
    return range(len(table)) if isinstance(table, list | tuple) else table


_PATHS = ("os.path.join", "osp.join", "path.join", "join", "Path", "pathlib.Path", "PurePath")
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{"int": int, "str": str, "range": _range, KEYS: _keys},
    **dict.fromkeys(("list", "tuple", "set", "sorted"), lambda table: {**few(table)}),
    **dict.fromkeys(_PATHS, join_paths),
}
"""By what a source calls them."""
_OF_TABLES: dict[str, Callable[..., object]] = {"get": dict.get, "keys": lambda table: table}
_OF_TEXTS: dict[str, Callable[..., object]] = {
    "format": str.format,
    "zfill": str.zfill,
    "lower": str.lower,
    "upper": str.upper,
}
