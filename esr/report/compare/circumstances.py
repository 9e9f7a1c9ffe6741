"""What a record says about itself besides figures: the submission's files, and how it was run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from esr.records.measurement import Machine
from esr.records.record import Record
from esr.report.cell import Value

_SAVE_DIR = "--save_dir"
"""The option that no figure depends on."""


def read_identity(record: Record) -> dict[str, Value]:
    """Read what is to be the same in a reproduction: files, settings, claims, flags."""
    provenance = record.provenance
    settings = asdict(record.sidecar)
    claims = settings.pop("claims")
    settings.pop("team")
    return {
        "model file": provenance.model_file,
        "model SHA-256": provenance.model_sha256,
        "checkpoint": provenance.checkpoint,
        "checkpoint SHA-256": provenance.checkpoint_sha256,
        **{
            f"clone {file.path}": file.sha256 for file in (record.fork.files if record.fork else ())
        },
        "form": record.form,
        **{f"sidecar {name}": _simplify(value) for name, value in settings.items()},
        **{f"claim {name}": _simplify(value) for name, value in claims.items()},
        "output dtype": record.output_dtype,
        "flags": ", ".join(sorted(flag.name for flag in record.flags)) or "none",
    }


def read_circumstances(record: Record) -> dict[str, Value]:
    """Read what may differ between two places or days, and explain what differs otherwise."""
    provenance = record.provenance
    return {
        "commit": provenance.git_commit,
        "uncommitted changes": _simplify(provenance.git_dirty),
        "command": " ".join(_drop_save_dir(provenance.command)),
        "protocol": record.protocol,
        "clock": record.clock,
        "note": record.note,
        **{
            field.name.replace("_", " "): _simplify(getattr(record.machine, field.name))
            for field in fields(Machine)
        },
    }


def _drop_save_dir(command: Sequence[str]) -> list[str]:
    kept: list[str] = []
    words = iter(command)
    for word in words:
        if word == _SAVE_DIR:
            next(words, None)
        elif word.partition("=")[0] != _SAVE_DIR:
            kept.append(word)
    return kept


def _simplify(value: Any) -> Value:  # noqa: ANN401
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, default=str, sort_keys=True)
