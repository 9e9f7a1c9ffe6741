"""The networks that ship raise no flag, and what counters miss of them is said with its share."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from uncomputed import uncomputed

from esr.audit.record_flags import complexity_flags, complexity_notes, hidden_share
from esr.measure.counts import complexity
from esr.measure.loading.network import import_model

SIZE = (3, 32, 32)
DEFAULTS = {
    "team00_RFDN": "RFDN",
    "team01_EDRN": "EDRN",
    "team05_SRneXt": "SRneXt",
    "team09_MDRN": "MDRN",
    "team13_PRFDN": "PRFDN",
    "team16_LKDN": "LKDN",
    "team2026_SPAN": "SPAN",
}


def build(root, label: str, form: str | None = None):
    sidecar = tomllib.loads((root / "models" / f"{label}.toml").read_text())
    forms = sidecar.get("forms", {"": {}})
    kwargs = forms[form or next(iter(forms))].get("kwargs", {})
    module = import_model(root / "models" / f"{label}.py")
    return getattr(module, DEFAULTS[label])(**sidecar.get("kwargs", {}), **kwargs)


@pytest.fixture(scope="module")
def counted(root):
    found = {}

    def count(label: str, form: str | None = None):
        if (label, form) not in found:
            found[label, form] = complexity.count(build(root, label, form), SIZE)
        return found[label, form]

    return count


@pytest.mark.parametrize("label", DEFAULTS)
def test_default_form_raises_no_flag(counted, label):
    counts = counted(label)
    assert counts.notes == ()
    assert complexity_flags(counts) == ()
    # Each of them is made of convolutions alone, called as modules.
    assert counts.dispatched.num_conv == counts.num_conv
    assert {missed.counter for missed in counts.missed} <= {"fvcore"}
    assert (counts.dispatched.untouched, counts.side.exits) == ((), ())


@pytest.mark.parametrize("label", DEFAULTS)
def test_counters_see_no_difference_where_values_are_left_out(counted, root, label):
    # The tests that compare figures with the reference counts rely on it.
    with uncomputed():
        counts = complexity.count(build(root, label), SIZE)
    # Of all counters fvcore's alone computes; the share of time outside PyTorch is no figure.
    assert counts.differs_under == ("fvcore",)
    computed = replace(counted(label), side=counts.side)
    assert replace(counts, differs_under=()) == computed


@pytest.mark.parametrize("label", DEFAULTS)
def test_no_counter_is_deceived_at_the_official_size(root, label):
    with uncomputed():
        counts = complexity.count(build(root, label))
    assert counts.input_size == (3, 256, 256)
    assert counts.notes == ()
    # Nothing is computed, so there are no shares of time, and fvcore alone returns an image.
    side = replace(counts.side, outside_share=0.0, threads_share=0.0)
    assert complexity_flags(replace(counts, differs_under=(), side=side)) == ()


def test_mdrn_17_convolutions_that_fvcore_skips_are_named(counted):
    counts = counted("team09_MDRN")
    (missed,) = counts.missed
    assert (missed.counter, missed.num_conv) == ("fvcore", 17)
    assert {op.name: op.calls for op in counts.fvcore_uncounted}["aten::_convolution_mode"] == 17
    # facts_mdrn_lkdn.json: 5.580720328 G with the outputs of ReLU, 5.58072 G without, of which conv 4.988012736 G.
    assert hidden_share(counts, missed) == pytest.approx(1 - 4.988012736 / 5.58072, abs=1e-3)
    (note,) = complexity_notes(counts)
    assert "(11% hidden, 17 of 317 convolutions: 17 aten::_convolution_mode)" in note


def test_edrn_26_discarded_convolutions_are_told_from_hidden_ones(counted):
    counts = counted("team01_EDRN")
    (missed,) = counts.missed
    assert (missed.counter, missed.num_conv) == ("fvcore", 26)
    assert (counts.dispatched.num_conv_unused, counts.dispatched.flops_unused) == (26, missed.flops)
    assert hidden_share(counts, missed) == 0
    assert (
        counts.flops_dispatch - missed.flops == counted("team01_EDRN", "effective").flops_dispatch
    )


def test_lkdn_functional_up_sampler_pair_is_found_where_the_hooks_miss_it(counted):
    counts = counted("team16_LKDN", "training")
    assert counts.dispatched.num_conv == 104
    official = next(missed for missed in counts.missed if missed.counter == "official")
    assert (official.num_conv, [(op.name, op.calls) for op in official.ops]) == (
        2,
        [("aten::convolution", 2)],
    )
    assert counts.flops_dispatch == counts.flops_official + official.flops
    assert {missed.counter for missed in counts.missed} == {"official", "thop"}
    details = [flag.detail for flag in complexity_flags(counts) if flag.name == "flops_hidden"]
    assert all("2 of 104 convolutions" in detail for detail in details)
    assert len(details) == 2
