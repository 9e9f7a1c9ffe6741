"""Data as YAML, in the part of it that every reader takes alike.

Texts are always quoted: unquoted, a date would lose its time of day, and `no` become false.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

Plain = str | int | bool | Sequence["Plain"] | Mapping[str, "Plain"]


def write_yaml(data: Mapping[str, Plain]) -> str:
    """Write a document; its keys are plain words."""
    return "".join(f"{line}\n" for line in _mapping(data))


def _mapping(data: Mapping[str, Plain]) -> Iterator[str]:
    for key, value in data.items():
        if _has_parts(value):
            yield f"{key}:"
            yield from (f"  {line}" for line in _lines(value))
        else:
            yield f"{key}: {_scalar(value)}"


def _has_parts(value: Plain) -> bool:
    # Empty ones have no lines of their own.
    return isinstance(value, Mapping | list | tuple) and bool(value)


def _lines(value: Plain) -> Iterator[str]:
    if not _has_parts(value):
        yield _scalar(value)
    elif isinstance(value, Mapping):
        yield from _mapping(value)
    elif isinstance(value, list | tuple):
        for item in value:
            for number, line in enumerate(_lines(item)):
                yield f"{'  ' if number else '- '}{line}"


def _scalar(value: Plain) -> str:
    # JSON is YAML, but for what it escapes in two halves, and what it leaves and YAML forbids.
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_escape, text))


def _escape(char: str) -> str:
    return char if char.isprintable() else f"\\U{ord(char):08x}"
