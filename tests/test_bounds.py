"""Answers and records that cannot be: one row, named, and every later command still works."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import make_dataclass, replace
from pathlib import Path

import boards
import pytest
from harness import Harness, run_command, tiny, write_pairs

from esr.base import json_file
from esr.base.errors import UserError
from esr.records.bounds import FLAGS_AT_MOST, refuse_impossible
from esr.records.measurement import Flag
from esr.records.network_counts import Counts
from esr.records.record import read_record
from esr.records.timing_samples import SteadySamples

COUNTS = Counts((3, 256, 256), 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        (replace(COUNTS, params=10**400), "params is astronomical"),
        (replace(COUNTS, params=-1000), "params is negative"),
        (replace(COUNTS, activations=math.nan), "activations is nan"),
        (replace(COUNTS, flops_thop=math.inf), "flops_thop is inf"),
        (replace(COUNTS, notes=("x" * 10**6,)), "notes[0] has 1000000 characters"),
        (replace(COUNTS, input_size=(3, -1, 256)), "input_size[1] is negative"),
    ],
)
def test_what_cannot_be_is_named(counts: Counts, says: str) -> None:
    with pytest.raises(UserError, match="cannot be") as refused:
        refuse_impossible(counts)
    assert says in str(refused.value)
    refuse_impossible(COUNTS)


def test_a_flood_of_flags_cannot_be() -> None:
    flooded = make_dataclass("Flooded", ["flags"])
    refuse_impossible(flooded((Flag("x", "y"),) * FLAGS_AT_MOST))
    with pytest.raises(UserError, match="flags has 101 entries"):
        refuse_impossible(flooded((Flag("x", "y"),) * 101))


HUGE = """
import torch
class Huge(torch.nn.Parameter):
    def numel(self):
        return 10**400
"""
INIT = "super().__init__()"
FORGING = """
from dataclasses import replace
from esr.measure.channel import Channel
from esr.records.measurement import Flag
real = Channel.say
def say(self, word, value=None):
    real(self, word, replace(value, {forged}) if word == "measurement" else value)
Channel.say = say
"""
FORGED = {
    "Huge": HUGE + tiny().replace(INIT, f"{INIT}; self.extra = Huge(torch.zeros(1))"),
    "Answer": FORGING.format(forged='flags=(Flag("a", "b"),) * 200000') + tiny(),
    "Dtype": FORGING.format(forged='output_dtype="x" * 7000000') + tiny(),
    "Memory": FORGING.format(forged='peak_rss_mib=float("nan")') + tiny(),
}


@pytest.fixture(scope="module", params=["--no_sandbox", "--sandbox"])
def forged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("forged") / "harness")
    write_pairs(harness.path / "data" / "demo")
    for number, (name, source) in enumerate(FORGED.items(), start=1):
        harness.add(f"team{number:02d}_{name}", source, sidecar="strict = false\n")
    harness.add("team90_Last", tiny())
    done = harness.run("--model_id", "all", request.param)
    if "bwrap is not" in done.stderr:
        pytest.skip(done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 1
    return harness


@pytest.mark.parametrize("name", ["Answer", "Dtype", "Memory"])
def test_a_forged_answer_costs_one_row(forged: Harness, name: str) -> None:
    row = next(row for label, row in forged.rows().items() if label.endswith(name))
    assert (row["Status"], row["Failed stage"]) == ("failed", "invalid")
    assert "holds what cannot be" in row["Reason"]


def test_the_rows_after_them_are_measured_and_small(forged: Harness) -> None:
    rows = forged.rows()
    assert rows["90_Last"]["Status"] == "ok", rows["90_Last"]["Reason"]
    for name in ("records/*", "failures/*", "*.csv", "*.json", "report.html"):
        assert all(file.stat().st_size < 2**23 for file in forged.results.glob(name)), name
    json.loads((forged.results / "results.json").read_text(), parse_constant=pytest.fail)


def test_a_parameter_that_lies_of_its_size_breaks_nothing(forged: Harness) -> None:
    row = forged.rows()["01_Huge"]
    assert row["Status"] == "failed" or float(row["Params [M]"]) < 1


DAMAGE: dict[str, Callable[[dict], object]] = {
    "params": lambda record: record["counts"].update(params=10**400),
    "negative": lambda record: record["counts"].update(params=-(10**9)),
    "runtime": lambda record: record["splits"][0]["images"][0].update(runtime_ms=1.7e308),
    "flags": lambda record: record.update(flags=[{"name": "a", "detail": "b"}] * 2000),
    "dtype": lambda record: record.update(output_dtype="x" * 10**6),
    "label": lambda record: record.update(note="x" * 10**6),
}


def test_every_hostile_record_file_is_one_row(forged: Harness, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(forged.results, results)
    good = (results / "records" / "90_Last.json").read_text()
    for number, (name, damage) in enumerate(DAMAGE.items(), start=80):
        bad = json.loads(good)
        damage(bad)
        bad["label"] = f"{number}_{name}"
        (results / "records" / f"{number}_{name}.json").write_text(json.dumps(bad))
    done = run_command(forged.path, "--model_id", "90", "--save_dir", str(results), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    rows = forged.rows(results)
    reasons = {name: rows[f"{number}_{name}"]["Reason"] for number, name in enumerate(DAMAGE, 80)}
    assert {name for name, reason in reasons.items() if "holds what cannot be" in reason} == {
        *DAMAGE
    }
    assert len((results / "leaderboard.csv").read_text()) < 10**5


@pytest.mark.parametrize(
    "empty",
    [lambda record: record.update(splits=[]), lambda record: record["splits"][0].update(images=[])],
)
def test_a_record_without_images_is_none(tmp_path: Path, empty: Callable[[dict], object]) -> None:
    """Every table takes the first of both."""
    file = tmp_path / "01_Net.json"
    json_file.dump(boards.record(1, "Net", 5.0, 27.02), file)
    assert read_record(file).splits
    damaged = json.loads(file.read_text())
    empty(damaged)
    file.write_text(json.dumps(damaged))
    with pytest.raises(UserError, match="holds no image"):
        read_record(file)


@pytest.mark.parametrize("kind", [tuple[float, ...], list[int], tuple[SteadySamples, ...]])
def test_a_flood_of_what_does_not_fit_is_one_error(kind: type) -> None:
    """A million errors of a kilobyte each would take the parent's memory."""
    with pytest.raises(UserError) as refused:
        json_file.check(kind, ["no number"] * 100_000)
    # Otherwise it says how many more there are.
    assert "more" not in str(refused.value)
    assert "0: Input should be" in str(refused.value)
