"""What two runs of a submission can be compared in, from records or from official results.

The figures; and what a record says besides: the submission's files, and how it was run.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from esr.rank.figures import official_figure
from esr.records.measurement import Machine
from esr.records.official_results import Official
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import RobustTiming, SplitResult
from esr.report.cell import Value

_COUNTS = ("params", "flops_official", "flops_fvcore", "flops_thop", "activations", "num_conv")
_OFFICIAL_COUNTS = {
    "params [M]": "num_parameters",
    "flops [G]": "flops",
    "activations [M]": "activations",
    "num_conv": "num_conv",
}
_MEAN = re.compile(r"(.+)_ave_(?!runtime)(\w+)", re.DOTALL)


@dataclass(frozen=True)
class SetFacts:
    """One data set."""

    role: str
    dataset: str | None
    """None if the source does not name it, as official results do not."""
    names: tuple[str, ...] | None
    """Of the images; None if only their order is known."""
    means: Mapping[str, float]
    """By metric."""
    scores: Mapping[str, tuple[float, ...]]
    """Per image, by metric; empty if only the mean is known."""
    runtime_ms: float | None
    runtimes_ms: tuple[float, ...]
    """Per image; empty if only their mean is known."""
    memory_mib: float | None
    robust: RobustTiming | None = None
    data_sha256: str | None = None
    """Of the files of the set; None if the source does not say."""


@dataclass(frozen=True)
class Facts:
    """One run of one submission."""

    device: tuple[str, str] | None
    """(clock, name of the device); None if the source does not say."""
    counts: Mapping[str, float]
    sets: Mapping[str, SetFacts]
    """By role."""


def collect_facts(row: Row, *, official: bool) -> Facts:
    """Collect what was measured of a row.

    Args:
        row: what is known of the submission.
        official: in the official keys and units, since the other side has no more than those.
    """
    record, entry = row.record, row.official or {}
    counts = {name: official_figure(row, key) for name, key in _OFFICIAL_COUNTS.items()}
    if record is not None and not official:
        counts = {name: getattr(record.counts, name) for name in _COUNTS}
    splits = {split.role: split for split in record.splits} if record else {}
    roles = splits.keys() or {mean[1] for key in entry if (mean := _MEAN.fullmatch(key))}
    return Facts(
        (record.clock, record.machine.device_name) if record else None,
        _keep_known(counts),
        {role: _read_set(entry, role, splits.get(role), official) for role in roles},
    )


def _read_set(entry: Official, role: str, split: SplitResult | None, official: bool) -> SetFacts:
    matches = (_MEAN.fullmatch(key) for key in entry)
    metrics = [match[2] for match in matches if match and match[1] == role]
    facts = SetFacts(
        role,
        split.dataset if split else None,
        tuple(image.name for image in split.images) if split else None,
        _keep_known({name: _read_number(entry.get(f"{role}_ave_{name}")) for name in metrics}),
        {name: _read_numbers(entry.get(f"{role}_{name}")) for name in metrics},
        _read_number(entry.get(f"{role}_ave_runtime")),
        _keep_positive(_read_numbers(entry.get(f"{role}_runtime"))),
        _read_number(entry.get(f"{role}_memory")),
    )
    if split is None or official:
        return facts
    return replace(facts, robust=split.robust, data_sha256=split.data_sha256)


def _keep_positive(values: tuple[float, ...]) -> tuple[float, ...]:
    """Keep runtimes that a ratio can be taken of, or none."""
    return values if all(0 < value < math.inf for value in values) else ()


def _read_number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


def _read_numbers(values: object) -> tuple[float, ...]:
    """Take a list, which holds nothing but numbers (`esr.rank.figures.read_rows`)."""
    return tuple(values) if isinstance(values, list) else ()


def _keep_known(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if value is not None}


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
