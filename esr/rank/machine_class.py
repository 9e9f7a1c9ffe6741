"""Which rows were measured on machines of one class, so that their runtimes can be compared.

A class is what moves a runtime without the submission's doing: the GPU (or the CPU that did the
work, and how many cores and threads it was given), driver, PyTorch, CUDA and cuDNN, and the clock
that a GPU was set to. Flags such as TF32 are not among it: a submission may set them, and the audit
says so. What a record does not say excludes nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from esr.base.visible_text import name
from esr.records.measurement import Machine
from esr.records.record import Record
from esr.records.results_folder import Row

MachineClass = Mapping[str, str]
"""What is known of it, by the name of the fact."""

_SET_CLOCK = "ApplicationsClocksSetting"
"""What NVML says limits a GPU whose clock somebody has set."""


def describe_class(record: Record) -> MachineClass:
    """Describe the class of the machine that measured a record."""
    machine = record.machine
    facts: dict[str, object] = {"PyTorch": machine.torch, "CUDA": machine.cuda}
    if machine.gpu is None:
        facts["CPU"] = machine.device_name
        facts["cores and threads"] = record.request.threads if record.request else None
    else:
        facts |= _describe_gpu(machine, record)
    return {fact: name(str(value)) for fact, value in facts.items() if value is not None}


def _describe_gpu(machine: Machine, record: Record) -> dict[str, object]:
    clocks = [
        split.gpu.after.sm_clock_mhz
        for split in record.splits
        if split.gpu and _SET_CLOCK in (split.gpu.after.limited_by or ())
    ]
    known = any(split.gpu and split.gpu.after.limited_by is not None for split in record.splits)
    setting = f"{clocks[0]} MHz" if clocks else "not set"
    return {
        "GPU": machine.device_name,
        "driver": machine.driver,
        "cuDNN": machine.cudnn,
        "clock": setting if known else None,
    }


def explain_other_class(rows: Sequence[Row], baseline: Row | None) -> dict[str, str]:
    """Say who cannot be ranked with the others, and why.

    Args:
        rows: everybody who might be.
        baseline: whose class counts; without a record of it, that of the majority.

    Returns:
        reasons by label
    """
    classes = {row.label: describe_class(row.record) for row in rows if row.record}
    if baseline is not None and baseline.record is not None:
        common, whose = describe_class(baseline.record), "the baseline"
    elif classes:
        common, whose = _find_majority(classes), "most rows"
    else:
        return {}
    reasons = {label: _explain(own, common, whose) for label, own in classes.items()}
    return {label: reason for label, reason in reasons.items() if reason}


def _find_majority(classes: Mapping[str, MachineClass]) -> MachineClass:
    counts = Counter(tuple(sorted(own.items())) for own in classes.values())
    # Of two that are as frequent, the one whose row comes first by its label, in whatever order.
    first = {
        tuple(sorted(classes[label].items())): label for label in sorted(classes, reverse=True)
    }
    most = max(counts.values())
    chosen = min((key for key in counts if counts[key] == most), key=lambda key: first[key])
    return dict(chosen)


def _explain(own: MachineClass, common: MachineClass, whose: str) -> str | None:
    kinds = [({"CPU", "GPU"} & facts.keys()) for facts in (own, common)]
    facts = ["GPU" if "GPU" in kinds[0] | kinds[1] else "CPU", *own]
    differing = dict.fromkeys(
        fact
        for fact in facts
        if _get(own, fact) != _get(common, fact) and _get(own, fact) and _get(common, fact)
    )
    if not differing:
        return None
    texts = [f"{fact} {_get(own, fact)}, {whose} {_get(common, fact)}" for fact in differing]
    return f"measured on another machine: {'; '.join(texts)} (--mixed_machines ranks it)"


def _get(facts: MachineClass, fact: str) -> str | None:
    """Look a fact up; a run on the other kind of device has none, which is a fact."""
    if fact in ("GPU", "CPU") and fact not in facts and {"GPU", "CPU"} & facts.keys():
        return "none used"
    return facts.get(fact)
