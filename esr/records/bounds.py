"""What no measurement can be: figures not finite, negative or astronomical, and floods of text.

A worker's answer is somebody else's word, and a record file may be anybody's. One figure that
cannot be printed, or a string of 200 MB, must cost one row, not the tables of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TypeVar

from esr.base import json_file
from esr.base.errors import UserError

T = TypeVar("T")

LARGEST = 10**15
"""Of any number: a million giga-operations, or 11 days in nanoseconds."""
TEXT_AT_MOST = 20_000
ITEMS_AT_MOST = 1_000_000
FLAGS_AT_MOST = 100
"""In a record; an answer has to leave room for what the parent adds."""
ANSWERED_FLAGS_AT_MOST = 80
_MAY_BE_NEGATIVE = frozenset(
    ["temperature_c", "model_id", "interleave", "outside_share", "scores", "drift", "kwargs"]
)
_MAY_BE_INFINITE = frozenset(
    ["scores", "psnr_db", "detail_psnr_db", "detail_bicubic_psnr_db", "bicubic_psnr_db"]
)
"""PSNR of a perfect image."""
_ANYTHING = ("kwargs",)
"""Arguments of a network are the team's own affair."""


def check_possible(kind: type[T], value: object) -> T:
    """Take what a worker has said as a dataclass.

    Raises:
        UserError: it does not fit, or something in it cannot be.
    """
    checked = json_file.check(kind, value)
    refuse_impossible(checked)
    return checked


def refuse_impossible(value: object) -> None:
    """Look through a dataclass and all that it holds.

    Raises:
        UserError: something in it cannot be; it is named.
    """
    for place, what in _find(value, "", ""):
        raise UserError(f"holds what cannot be: {place.lstrip('.')} {what}")


def _find(value: object, place: str, name: str) -> Iterator[tuple[str, str]]:
    if (what := _judge(value, name)) is not None:
        yield place, what
        return
    for step, part, part_name in _parts(value, name):
        yield from _find(part, f"{place}{step}", part_name)


def _parts(value: object, name: str) -> Iterator[tuple[str, object, str]]:
    """List (how it is reached, it, name of its field) of what a value holds."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f" key {str(key)[:40]}", key, name
            yield f".{str(key)[:40]}", item, name
    elif isinstance(value, tuple | list | frozenset):
        for number, item in enumerate(value):
            yield f"[{number}]", item, name
    elif is_dataclass(value):
        for part in fields(value):
            below = name if name in _MAY_BE_NEGATIVE else part.name
            yield f".{part.name}", getattr(value, part.name), below


def _judge(value: object, name: str) -> str | None:
    if isinstance(value, str) and len(value) > TEXT_AT_MOST:
        return f"has {len(value)} characters"
    if isinstance(value, tuple | list | frozenset):
        at_most = FLAGS_AT_MOST if name == "flags" else ITEMS_AT_MOST
        return f"has {len(value)} entries" if len(value) > at_most else None
    if isinstance(value, int | float) and not isinstance(value, bool) and name not in _ANYTHING:
        return _judge_number(value, name)
    return None


def _judge_number(number: float, name: str) -> str | None:
    if isinstance(number, float) and not math.isfinite(number):
        perfect = name in _MAY_BE_INFINITE and number == math.inf
        return None if perfect else f"is {number}"
    if abs(number) > LARGEST:
        return "is astronomical"
    if number < 0 and name not in _MAY_BE_NEGATIVE:
        return "is negative"
    return None
