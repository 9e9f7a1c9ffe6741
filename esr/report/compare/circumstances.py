"""What a record says about itself besides figures: the submission's files, and how it was run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from esr.records.measurement import Machine
from esr.records.record import Record
from esr.report.compare.difference import Value

_WITHOUT_EFFECT = ("--save_dir",)
"""Options, with one value, that no figure depends on."""


def identity(record: Record) -> dict[str, Value]:
    """What is to be the same in a reproduction: files, settings, claims, flags."""
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
        **{f"sidecar {name}": _said(value) for name, value in settings.items()},
        **{f"claim {name}": _said(value) for name, value in claims.items()},
        "output dtype": record.output_dtype,
        "flags": ", ".join(sorted(flag.name for flag in record.flags)) or "none",
    }


def conditions(record: Record) -> dict[str, Value]:
    """What may differ between two places or days, and explain what differs otherwise."""
    provenance = record.provenance
    return {
        "commit": provenance.git_commit,
        "uncommitted changes": _said(provenance.git_dirty),
        "command": " ".join(_effective(provenance.command)),
        "protocol": record.protocol,
        "clock": record.clock,
        "note": record.note,
        **{
            one.name.replace("_", " "): _said(getattr(record.machine, one.name))
            for one in fields(Machine)
        },
    }


def _effective(command: Sequence[str]) -> list[str]:
    kept: list[str] = []
    words = iter(command)
    for word in words:
        if word in _WITHOUT_EFFECT:
            next(words, None)
        elif word.partition("=")[0] not in _WITHOUT_EFFECT:
            kept.append(word)
    return kept


def _said(value: Any) -> Value:  # noqa: ANN401
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, default=str, sort_keys=True)
