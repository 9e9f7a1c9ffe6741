"""What PRFDN's forms cost against the reference counts and the row of the official report."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import goldens
import pytest
from torch import nn
from uncomputed import uncomputed

from esr.measure.counts.complexity import count
from esr.measure.loading.network import import_model
from esr.records.network_counts import Counts
from esr.submissions.sidecar import read_sidecar

MODEL_FILE = Path(__file__).resolve().parents[1] / "models" / "team13_PRFDN.py"

FORMS = {
    "x2": "PRFDN_x2_submitted(b4s merged+pruned)",
    "x3": "PRFDN_x3_submitted(b2s merged+pruned)",
    "x4": "extra:x4 b4s merged+pruned candidate 0.61M",
    "x3_four_branches": "extra:x3 b4s merged+pruned candidate 0.10M",
    "esr_x4": "extra:x4 ESR team13 submission (widened RFDN pruned)",
    "branches_x2": "b4s_branch_x2",
    "branches_x3": "b2s_branch_x3",
    "branches_x4": "b4s_branch_x4",
    "merged_x2": "b4s_merged_x2",
    "merged_x3": "b2s_merged_x3",
    "merged_x4": "b4s_merged_x4",
}
"""The forms of the sidecar and their names among the reference counts."""

STAGES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"rfdn_x{scale}": ("RFDN", {"upscale": scale}) for scale in (2, 3, 4)},
    "extra:x4 widened RFDN unpruned": ("RFDN", {"widen": 2}),
    "extra:x2 2023-03-19 snapshot": ("PRFDN", {"keep": 0.2255}),
    "extra:x3 2023-03-19 snapshot": ("PRFDN", {"branches": 2, "upscale": 3, "keep": 0.52}),
    **{
        f"b{branches}{'s' if srfdb else ''}_{kind}_x{scale}": (
            arch,
            {"branches": branches, "srfdb": srfdb, "upscale": scale, **kept},
        )
        for branches in (2, 4)
        for srfdb in (False, True)
        for scale in (2, 3, 4)
        for kind, arch, kept in (
            ("branch", "BranchedRFDN", {}),
            ("merged", "PRFDN", {"keep": 1.0}),
        )
    },
}
"""Every other net of the reference counts: class and arguments."""

RUN = ["x2", "x3", "x4", "x3_four_branches", "esr_x4", "branches_x3", "branches_x4"]
"""Forms that are run for all counters; fvcore cannot count on the meta device."""


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return import_model(MODEL_FILE)


@pytest.fixture(scope="module")
def facts(shared: Path) -> dict[str, Any]:
    return goldens.facts(shared, "prfdn")


def build(models: ModuleType, form: str) -> nn.Module:
    sidecar = read_sidecar(MODEL_FILE.with_suffix(".toml")).in_form(form)
    return getattr(models, sidecar.arch or "PRFDN")(**sidecar.kwargs)


def _official(counts: Counts) -> tuple[object, ...]:
    return counts.params, counts.flops_official, counts.activations, counts.num_conv


def _expected(fact: dict[str, Any], num_conv: int) -> tuple[object, ...]:
    assert fact.get("num_conv", num_conv) == num_conv
    return fact["params"], fact["flops_official"], fact["acts_official"], num_conv


def test_every_form_and_every_reference_is_counted(facts) -> None:
    assert list(FORMS) == list(read_sidecar(MODEL_FILE.with_suffix(".toml")).forms)
    assert {*FORMS.values(), *STAGES} == set(facts["counts_at_3x256x256"])


@pytest.mark.parametrize("form", RUN)
def test_all_counters(models, facts, form) -> None:
    fact = facts["counts_at_3x256x256"][FORMS[form]]
    with uncomputed():
        counts = count(build(models, form))
    assert _official(counts) == _expected(fact, fact["num_conv"])
    assert counts.flops_fvcore == fact["fvcore_flops"]


@pytest.mark.parametrize("form", FORMS)
def test_official_counters_of_the_forms(models, facts, form) -> None:
    fact = facts["counts_at_3x256x256"][FORMS[form]]
    # On the meta device shapes are followed and nothing is computed.
    counts = count(build(models, form).to("meta"))
    assert _official(counts) == _expected(fact, fact["num_conv"])


@pytest.mark.parametrize("reference", STAGES)
def test_official_counters_of_the_stages(models, facts, reference) -> None:
    arch, kwargs = STAGES[reference]
    fact = facts["counts_at_3x256x256"][reference]
    counts = count(getattr(models, arch)(**kwargs).to("meta"))
    assert _official(counts) == _expected(fact, fact["num_conv"])


@pytest.mark.parametrize(("form", "num_conv"), [("x2", 35), ("x3", 51)])
def test_counts_at_the_sizes_of_the_real_time_challenge(models, facts, form, num_conv) -> None:
    fact = facts["counts_at_rtsr_sizes"][f"{form}_runtime_script_default"]
    counts = count(build(models, form).to("meta"), tuple(fact["input"]))
    assert _official(counts) == _expected(fact, num_conv)


def test_x2_is_what_the_report_lists(models, facts) -> None:
    row = facts["published_report_row_track1_x2"]
    counts = count(models.PRFDN().to("meta"), (3, 1920, 1080))
    assert round(counts.params / 1e6, 4) == row["params_M"]
    assert round(counts.flops_official / 1e9, 4) == row["flops_G"]
