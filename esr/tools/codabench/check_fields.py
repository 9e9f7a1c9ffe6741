"""One part of `competition.yaml` held against the fields that it may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from esr.tools.codabench.bundle_format import BundleField, BundleFields


def check_fields(part: object, fields: BundleFields, where: str) -> Iterator[str]:
    """List what is wrong with the fields of one part, whatever it is.

    Args:
        part: what was read.
        fields: those that it may have.
        where: the part, for messages.
    """
    if not isinstance(part, Mapping):
        yield f"{where}: no mapping"
        return
    yield from (f"{where}: no field {key} is known" for key in part if key not in fields)
    for key, field in fields.items():
        if key in part:
            fault = _fault(part[key], field)
        else:
            fault = "is missing" if field.required else None
        if fault:
            yield f"{where}: {key} {fault}"


def _fault(value: Any, field: BundleField) -> str | None:  # noqa: ANN401
    if not _is(field.kind, value):
        return f"is no {field.kind.__name__}: {value!r}"
    if field.at_most is not None and len(value) > field.at_most:
        return f"has {len(value)} characters, more than {field.at_most}"
    if field.choices and value not in field.choices:
        return f"is none of {', '.join(field.choices)}: {value}"
    if field.least is not None and value < field.least:
        return f"is less than {field.least}: {value}"
    return "is empty" if field.required and value == "" else None


def _is(kind: type, value: object) -> bool:
    # `True` is a number in Python, and none here.
    return isinstance(value, kind) and not (isinstance(value, bool) and kind is int)
