"""Typed TOML files: read, checked against a dataclass, mistakes told in one line each."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from esr.base.did_you_mean import find_nearest
from esr.base.errors import UserError
from esr.base.json_file import explain, read_bytes

T = TypeVar("T")

_BYTES_AT_MOST = 2**22
_DEEPEST = 50
STRICT = ConfigDict(extra="forbid", strict=True)
"""For the dataclasses: no unknown key, and no value of another type."""


def read_tables(path: Path, where: object) -> dict[str, Any]:
    """Read a TOML file unchecked; its fractions are Decimal, with the digits as they are written.

    Raises:
        UserError: it cannot be read, is no TOML, or nests deeper than anybody would write.
    """
    data = read_bytes(path, _BYTES_AT_MOST)
    try:
        tables = tomllib.loads(data.decode("utf-8-sig"), parse_float=Decimal)
    except RecursionError as error:
        raise _too_deep(where) from error
    except ValueError as error:  # No UTF-8, no TOML, or a number of thousands of digits.
        raise UserError(f"cannot be read as TOML ({error})", where=where) from error
    level: list[object] = [tables]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise _too_deep(where)
    return tables


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep(where: object) -> UserError:
    return UserError(f"nests deeper than {_DEEPEST} levels", where=where)


def check_tables(kind: type[T], tables: dict[str, Any], where: object) -> T:
    """Make a dataclass of what was read, and check it.

    Raises:
        UserError: an unknown key, a wrong value, a date or time.
    """
    try:
        # By way of JSON: in strict mode only JSON may give a table where a dataclass is wanted.
        checked: T = TypeAdapter(kind).validate_json(json.dumps(tables, default=_as_float))
    except TypeError as error:
        raise UserError("holds a date or time", where=where, remedy="write it in quotes") from error
    except ValidationError as error:
        raise _complaint(kind, error, where) from error
    return checked


def _as_float(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(value)


def _complaint(kind: type, error: ValidationError, where: object) -> UserError:
    # A misspelt key is also a missing one; the misspelling is what helps.
    unknown = [e["loc"] for e in error.errors() if e["type"] == "unexpected_keyword_argument"]
    if not unknown:
        return UserError(explain(error), where=where, remedy="correct this key")
    *table, key = map(str, unknown[0])
    allowed = _keys_at(kind, table)
    close = find_nearest(key, allowed)[:1]
    remedy = f"did you mean '{close[0]}'?" if close else f"allowed: {', '.join(allowed)}"
    return UserError(f"unknown key '{'.'.join([*table, key])}'", where=where, remedy=remedy)


def _keys_at(kind: object, table: list[str]) -> list[str]:
    # What names no field is the number of a table in a list, or a name the user has chosen.
    for part in table:
        kind = _dataclass_in(get_type_hints(kind).get(part)) or kind
    return [field.name for field in fields(kind)]  # type: ignore[arg-type]


def _dataclass_in(hint: object) -> object:
    if is_dataclass(hint):
        return hint
    return next(filter(None, map(_dataclass_in, get_args(hint))), None)
