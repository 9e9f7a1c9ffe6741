"""Typed JSON files: written whole or not at all, read back checked against a dataclass."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, to_jsonable_python

from esr.base.errors import UserError, cause
from esr.base.foreign_bytes import read_foreign

T = TypeVar("T")

_SEQUENCES = ("list", "tuple", "set", "frozenset")
_BYTES_AT_MOST = 256 * 2**20


def write_text(path: Path, text: str) -> None:
    """Replace the file at once: a reader, or a run that is killed, never meets half of it.

    Raises:
        UserError: the folder cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Do so with bytes.

    Raises:
        UserError: the folder cannot be written.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once everything is in it.

    Raises:
        UserError: the folder or the file cannot be written.
    """
    # Not by way of mkstemp, whose files only their owner can read.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("x+b")
    except OSError as error:
        raise UserError(
            f"cannot write here ({cause(error)})", where=path, remedy="choose another folder"
        ) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=path) from error
    finally:
        temporary.unlink(missing_ok=True)


def dump(value: object, path: Path) -> None:
    """Write a dataclass as JSON, floats with every digit."""
    data = _adapter(type(value)).dump_python(value, mode="python")  # type: ignore[arg-type]
    write_text(path, dump_text(data, indent=1, ensure_ascii=False, default=str) + "\n")


def dump_text(data: object, **layout: Any) -> str:  # noqa: ANN401
    """Say data in strict JSON (RFC 8259), which has no number for what is not finite.

    It becomes the text "Infinity", "-Infinity" or "NaN": Python's `float`, JavaScript's `Number`
    and `load` make that number of it again.

    Args:
        data: dictionaries, lists and plain values.
        layout: as for `json.dumps`.
    """
    try:
        return json.dumps(data, allow_nan=False, **layout)
    except ValueError:
        return json.dumps(_spell_out(data), allow_nan=False, **layout)


def _spell_out(data: object) -> object:
    if isinstance(data, dict):
        return {key: _spell_out(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_spell_out(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        # What json.dumps itself would write, without the quotes.
        return json.dumps(data)
    return data


def read_numbers(data: Any) -> Any:  # noqa: ANN401
    """Make numbers of the texts that `dump_text` has written for them, where no type says so."""
    if isinstance(data, dict):
        return {key: read_numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [read_numbers(value) for value in data]
    return float(data) if data in ("Infinity", "-Infinity", "NaN") else data


def to_line(value: object) -> bytes:
    """Write a value that may hold dataclasses as one line of JSON, floats with every digit."""
    return json.dumps(to_jsonable_python(value, fallback=str)).encode() + b"\n"


def load(kind: type[T], path: Path) -> T:
    """Read a JSON file as `kind`, a dataclass or a type like `dict[str, int]`.

    Raises:
        UserError: the file cannot be read, is no JSON, or does not fit `kind`.
    """
    data = read_bytes(path)
    try:
        return parse(kind, data)
    except UserError as error:
        remedy = "move the file away and run again"
        raise UserError(error.what, where=path, remedy=remedy) from error


def parse(kind: type[T], data: bytes) -> T:
    """Read JSON as `kind`.

    Raises:
        UserError: it is no JSON, or does not fit.
    """
    with _as_user_error():
        parsed: T = _validator(kind).validate_json(data)  # type: ignore[arg-type]
    return parsed


def check(kind: type[T], value: object) -> T:
    """Take what was read from JSON already as `kind`.

    Raises:
        UserError: it does not fit.
    """
    with _as_user_error():
        checked: T = _validator(kind).validate_python(value)  # type: ignore[arg-type]
    return checked


@contextmanager
def _as_user_error() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise UserError(f"does not hold what it should: {explain(error)}") from error


def prepare(kind: type[Any]) -> None:
    """Do in advance what the first `load` of a kind does once."""
    _validator(kind)  # type: ignore[arg-type]


@cache
def _validator(kind: type[Any]) -> SchemaValidator:
    """Make what checks a kind, and stops at the first element of a list that does not fit.

    A million elements that do not fit would be a million errors, of a kilobyte each.
    """
    return SchemaValidator(_fail_fast(_adapter(kind).core_schema))  # type: ignore[arg-type]


def _fail_fast(schema: Any) -> Any:  # noqa: ANN401
    """Copy a core schema of pydantic, its sequences set to fail at the first error."""
    if isinstance(schema, dict):
        copy = {key: _fail_fast(value) for key, value in schema.items()}
        return {**copy, "fail_fast": True} if schema.get("type") in _SEQUENCES else copy
    if isinstance(schema, list | tuple):
        return type(schema)(map(_fail_fast, schema))
    return schema


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    # Building one takes a hundred times as long as reading a record with it.
    return TypeAdapter(kind)


def read_bytes(path: Path, at_most: int = _BYTES_AT_MOST) -> bytes:
    """Read a file that a stranger may have made: no pipe, no link, no flood.

    Raises:
        UserError: it is anything but a file of sensible size, or cannot be read.
    """
    return read_foreign(path, at_most)


def explain(error: ValidationError) -> str:
    """Name the first thing that does not fit, and how many more there are."""
    first, *rest = error.errors()
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{place}: {first['msg']}{more}" if place else f"{first['msg']}{more}"
