"""Why a row lacks a figure that a track ranks by, and what would add it."""

from __future__ import annotations

from esr.rank.figures import name_missing_runtime
from esr.records.results_folder import Row
from esr.records.timing_samples import STEADY, WARM

_ADDED_BY = {
    "warm": ("no warm runtime", "--repeats N measures it", (WARM,)),
    "warm_median": ("no warm runtime", "--repeats N measures it", (WARM,)),
    "steady": ("no steady runtime", "--precision PERCENT measures it", (STEADY,)),
    "robust": ("neither a steady nor a warm runtime", "--repeats N measures one", (STEADY, WARM)),
}
"""What is missing, the flag of `test_demo.py` that adds it, and what it is called when left out."""

_NAMES = {
    "robust": "warm runtime",
    "official_median": "median runtime",
    "no_first": "runtime without the first image",
    "no_first_median": "median runtime without the first image",
}
"""Of those whose own word does not say it."""


def name_runtime(row: Row, runtime: str, with_test: bool) -> str:
    """Name the runtime that counts and that a row may lack."""
    if runtime == "official":
        return name_missing_runtime(row, with_test)
    return _NAMES.get(runtime, f"{runtime.partition('_')[0]} runtime")


def explain_missing_runtime(row: Row, runtime: str, with_test: bool) -> str:
    """Say why a row has no runtime to rank by; nothing if it is one of the official pass.

    Args:
        row: which lacks it.
        runtime: name of one of `RUNTIMES`.
        with_test: whether the test set's counts, too.
    """
    if runtime not in _ADDED_BY:
        return ""
    what, remedy, passes = _ADDED_BY[runtime]
    if row.record is None:
        return f"{what}: the results that were read hold none"
    if any(left_out.startswith(passes) for left_out in row.record.left_out):
        return f"{what}: left out, the time was spent (--time_budget)"
    if row.record.is_folder_call:
        return f"{what}: it reads and writes images, and only the whole call is timed"
    where = " on validation and test set" if with_test else ""
    return f"{what}{where} ({remedy})"


def explain_missing_input(row: Row) -> str:
    """Say why a row has no runtime of the challenge's fixed input."""
    fixed = row.record.fixed_input if row.record else None
    if fixed is None:
        return "no fixed input was run (--protocol rtsr2023 does)"
    if fixed.as_asked:
        return "no runtime of the fixed input"
    size, asked = ("x".join(map(str, each)) for each in (fixed.input_size, fixed.official_size))
    return f"its fixed input was {size}, the challenge asks for {asked} (leave out --runtime_size)"
