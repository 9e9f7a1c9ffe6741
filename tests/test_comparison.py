"""`--compare`: what is marked, what is not, and how often chance alone is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from synthetic import synthetic_record, synthetic_split
from test_leaderboard import run

from esr.base import json_file
from esr.challenge.protocol import protocols
from esr.rank.figures import read_rows
from esr.records.measurement import Flag
from esr.records.official_results import official_entry
from esr.records.record import Failure, Record
from esr.records.results_folder import Row
from esr.records.split_result import SplitResult
from esr.report.compare.comparison import Comparison, compare
from esr.report.compare.comparison_files import (
    lay_out_comparison,
    render_comparison_csv,
    render_comparison_markdown,
)
from esr.report.compare.difference import Difference, compute_signed_rank_p
from esr.tools.leaderboard import main

PROTOCOL = protocols()["ntire2026"]
IMAGES = 20


def row(record: Record) -> Row:
    return Row(record.label, record, official=official_entry(record, PROTOCOL.flops_counter))


def record(number: int = 1, name: str = "Net", **splits: object) -> Record:
    made = (synthetic_split(role, IMAGES, 7.0, 27.0, **splits) for role in ("valid", "test"))
    return synthetic_record(number, name, tuple(made))


def with_split(record: Record, change: Callable[[SplitResult], SplitResult]) -> Record:
    return replace(record, splits=(change(record.splits[0]), *record.splits[1:]))


def slower(split: SplitResult, factor: float, scatter: float = 0.0, seed: int = 0) -> SplitResult:
    noise = np.random.default_rng(seed).lognormal(0, scatter, len(split.images))
    return replace(
        split,
        images=tuple(
            replace(image, runtime_ms=image.runtime_ms * factor * float(one))
            for image, one in zip(split.images, noise, strict=True)
        ),
    )


def other_psnr(split: SplitResult) -> SplitResult:
    first = split.images[3]
    changed = replace(first, scores={"psnr": first.scores["psnr"] - 0.5})
    return replace(split, images=(*split.images[:3], changed, *split.images[4:]))


def found(a: Row, b: Row) -> dict[str, Difference]:
    comparison = compare([a], [b], PROTOCOL)
    (pair,) = comparison.pairs
    return {one.subject: one for one in pair.differences}


def on(record: Record, **machine: object) -> Record:
    return replace(record, machine=replace(record.machine, **machine))


def from_checkpoint(record: Record, sha256: str) -> Record:
    return replace(record, provenance=replace(record.provenance, checkpoint_sha256=sha256))


def test_identical_runs_differ_in_nothing() -> None:
    rows = [row(record(n, f"Net{n}", interval_ms=(6.9, 7.1))) for n in range(3)]
    assert compare(rows, rows, PROTOCOL) == Comparison(
        compare(rows, rows, PROTOCOL).pairs, (), (), (), "ntire2026"
    )
    assert all(not pair.differences for pair in compare(rows, rows, PROTOCOL).pairs)


def test_the_folder_a_run_was_saved_in_is_no_difference() -> None:
    base = record()
    runs = [
        replace(base, provenance=replace(base.provenance, command=("--model_id", "1", *where)))
        for where in ((), ("--save_dir", "a"), ("--save_dir=b",))
    ]
    assert found(row(runs[0]), row(runs[1])) == found(row(runs[1]), row(runs[2])) == {}


CHANGES: dict[str, tuple[Callable[[Record], Record], str]] = {
    "one image": (lambda r: with_split(r, other_psnr), "valid PSNR"),
    "one parameter": (lambda r: replace(r, counts=replace(r.counts, params=250_001)), "params"),
    "a counter that failed": (
        lambda r: replace(r, counts=replace(r.counts, flops_fvcore=None)),
        "flops_fvcore",
    ),
    "30 % slower": (lambda r: with_split(r, lambda s: slower(s, 1.3)), "valid runtime [ms]"),
    "more memory": (
        lambda r: with_split(r, lambda s: replace(s, memory_mib=501.0)),
        "valid memory [MiB]",
    ),
    "another checkpoint": (lambda r: from_checkpoint(r, "2" * 64), "checkpoint SHA-256"),
    "a flag": (lambda r: replace(r, flags=(Flag("cached_output", "seen"),)), "flags"),
    "half precision": (lambda r: replace(r, output_dtype="torch.float16"), "output dtype"),
    "a set less": (lambda r: replace(r, splits=r.splits[:1]), "test set"),
    "another set": (
        lambda r: with_split(r, lambda s: replace(s, dataset="Set5")),
        "valid set",
    ),
    "an image less": (
        lambda r: with_split(r, lambda s: replace(s, images=s.images[:-1])),
        "valid images",
    ),
}


def hashed(digest: str | None) -> Record:
    return with_split(record(), lambda s: replace(s, data_sha256=digest))


def test_other_files_under_the_same_name_are_named() -> None:
    subject = "valid files SHA-256"
    assert subject not in found(row(hashed("1" * 64)), row(hashed("1" * 64)))
    differs = found(row(hashed("1" * 64)), row(hashed("2" * 64)))[subject]
    assert (differs.marked, differs.detail) == (True, "perhaps other pixels")
    unknown = found(row(hashed("1" * 64)), row(hashed(None)))[subject]
    assert (unknown.marked, unknown.verdict) == (False, "not judged")


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_reproduction_should_not_differ_in_is_marked(name: str) -> None:
    change, subject = CHANGES[name]
    differences = found(row(record()), row(change(record())))
    assert differences[subject].marked


def test_the_image_that_differs_most_is_named() -> None:
    difference = found(row(record()), row(with_split(record(), other_psnr)))["valid PSNR"]
    assert difference.detail == "1 of 20 images differ, most 0804.png: 0.5"
    assert difference.a - difference.b == pytest.approx(0.5 / IMAGES)


def test_another_device_is_never_beyond_noise() -> None:
    other = on(with_split(record(), lambda s: slower(s, 3.0)), device_name="NVIDIA H100")
    differences = found(row(record()), row(other))
    assert differences["valid runtime [ms]"].verdict == "not comparable"
    assert differences["valid runtime [ms]"].ratio == pytest.approx(3.0)
    assert differences["device name"].verdict == "noted"
    assert not any(one.marked for one in differences.values())


def test_a_failure_is_named_and_earlier_figures_are_not_compared() -> None:
    failure = Failure("01_Net", 1, "load", "missing keys", "2026-11-21T12:00:00Z")
    earlier = replace(record(), counts=replace(record().counts, params=1))
    differences = found(row(record()), replace(row(earlier), failure=failure))
    assert differences["status"].marked
    assert differences["status"].b == "failed: load: missing keys"
    assert "params" not in differences


def test_warm_runtimes_differ_when_their_intervals_lie_apart() -> None:
    def with_interval(low: float, high: float) -> Row:
        split = synthetic_split("valid", IMAGES, (low + high) / 2, interval_ms=(low, high))
        return row(synthetic_record(1, "Net", (split,)))

    base, subject = with_interval(6.9, 7.1), "valid warm runtime [ms]"
    assert found(base, with_interval(7.0, 7.4))[subject].verdict == "within noise"
    assert found(base, with_interval(7.2, 7.4))[subject].verdict == "beyond noise"


def test_few_images_are_not_judged() -> None:
    def of(images: int, factor: float) -> Row:
        split = slower(synthetic_split("valid", images, 7.0), factor)
        return row(synthetic_record(1, "Net", (split,)))

    assert found(of(5, 1.0), of(5, 2.0))["valid runtime [ms]"].verdict == "not judged"
    assert found(of(6, 1.0), of(6, 2.0))["valid runtime [ms]"].verdict == "beyond noise"


@pytest.mark.parametrize(("factor", "least", "most"), [(1.0, 0.02, 0.08), (1.2, 0.99, 1.0)])
def test_chance_is_marked_in_about_a_twentieth_of_runs(
    factor: float, least: float, most: float
) -> None:
    # 400 runs: 5 % has a standard error of 1.1 %. Images of different size, 10 % scatter each.
    base = synthetic_split("valid", 50, 7.0)
    marked = 0
    for seed in range(400):
        a, b = slower(base, 1.0, 0.1, 2 * seed), slower(base, factor, 0.1, 2 * seed + 1)
        rows = [row(synthetic_record(1, "Net", (split,))) for split in (a, b)]
        marked += found(*rows)["valid runtime [ms]"].verdict == "beyond noise"
    assert least <= marked / 400 <= most


@pytest.mark.parametrize("count", [6, 10, 25, 49])
def test_p_value_is_that_of_scipy(count: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(count)
    for shift in (0.0, 0.05, 0.3):
        a, b = random.lognormal(0, 0.1, count), random.lognormal(shift, 0.1, count)
        expected = stats.wilcoxon(np.log(b / a), mode="exact").pvalue
        assert compute_signed_rank_p(list(a), list(b)) == pytest.approx(expected)


def test_p_value_with_ties_is_that_of_all_sign_flips() -> None:
    # All 2**5 signs of the ranks 1.5, 1.5, 3, 4.5, 4.5, counted by hand; the equal pair drops out.
    a, b = [1.0] * 6, [2.0, 0.5, 4.0, 8.0, 8.0, 1.0]
    ranks = [1.5, 1.5, 3, 4.5, 4.5]
    sums = [sum(r for i, r in enumerate(ranks) if mask >> i & 1) for mask in range(32)]
    assert compute_signed_rank_p(a, b) == pytest.approx(2 * sum(s <= 1.5 for s in sums) / 32)
    assert compute_signed_rank_p(b, a) == compute_signed_rank_p(a, b)
    assert compute_signed_rank_p(a, a) == 1.0


@pytest.mark.parametrize("name", CHANGES)
def test_the_other_way_round_is_the_mirror_image(name: str) -> None:
    a = [row(record()), row(record(2, "Left"))]
    b = [row(CHANGES[name][0](record())), row(record(3, "Right"))]
    one, other = compare(a, b, PROTOCOL), compare(b, a, PROTOCOL)
    assert (one.only_a, one.only_b) == (other.only_b, other.only_a) == (("02_Left",), ("03_Right",))
    mirrored = {replace(d, a=d.b, b=d.a) for d in other.pairs[0].differences}
    assert set(one.pairs[0].differences) == mirrored


def test_ranks_that_changed_are_noted() -> None:
    a = [row(record(1, "Slow")), row(record(2, "Fast"))]
    faster = replace(record(2, "Fast"), splits=tuple(slower(s, 0.5) for s in record().splits))
    (_, fast) = compare(a, [a[0], row(faster)], PROTOCOL).pairs
    slow = compare(a, [a[0], row(faster)], PROTOCOL).pairs[0]
    assert [(d.subject, d.a, d.b) for d in slow.differences] == [("rank runtime", 1, 2)]
    assert not slow.marked
    assert fast.marked


def test_rows_of_one_side_alone_count_and_move_nobodys_rank() -> None:
    def of(number: int, name: str, factor: float) -> Row:
        made = record(number, name)
        return row(replace(made, splits=tuple(slower(split, factor) for split in made.splits)))

    base, kept, other = of(0, "SPAN", 1.0), of(1, "Kept", 1.0), of(2, "Kept", 1.2)
    fastest = of(3, "Fastest", 0.5)
    comparison = compare([base, kept, other, fastest], [base, kept, other], PROTOCOL)
    # Fastest is before both in A alone.
    assert not any(pair.differences for pair in comparison.pairs)
    assert (comparison.differing, comparison.is_equal) == (0, False)
    assert compare([base], [base], PROTOCOL).is_equal
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(lay_out_comparison(comparison, "a", "b"))
    said = " ".join(console.export_text().split())
    assert "Rows of one side alone count as a difference; ranks are among the rows of both" in said
    assert compare([fastest], [base], PROTOCOL).only_b == ("00_SPAN",)


def test_what_differs_alike_everywhere_is_said_once() -> None:
    before = [record(n, f"Net{n}") for n in range(3)]
    after = [on(one, torch="2.6.0") for one in before]
    comparison = compare([row(r) for r in before], [row(r) for r in after], PROTOCOL)
    assert [d.subject for d in comparison.conditions] == ["torch"]
    assert not any(pair.differences for pair in comparison.pairs)


def test_official_results_are_compared_among_themselves_and_with_records(shared: Path) -> None:
    head = json.loads((shared / "reference" / "official_results_2026_head.json").read_text())
    changed = json.loads(json.dumps(head))
    label = list(head)[3]
    changed[label]["valid_ave_runtime"] *= 1.3
    changed[label]["num_parameters"] += 1e-6
    comparison = compare(read_rows(head), read_rows(changed), PROTOCOL)
    pair = next(pair for pair in comparison.pairs if pair.label == label)
    assert comparison.differing == 1
    verdicts = {d.subject: d.verdict for d in pair.differences if d.verdict != "noted"}
    assert verdicts == {"params [M]": "differs", "valid runtime [ms]": "not judged"}

    measured = row(record())
    theirs = Row(measured.label, official=measured.official)
    assert found(measured, theirs) == {}
    ours = row(with_split(record(), lambda s: slower(other_psnr(s), 1.3)))
    differences = found(ours, theirs)
    assert differences["valid PSNR"].detail.endswith("most 0804.png: 0.5")
    assert differences["valid runtime [ms]"].verdict == "not judged"


def test_runtimes_per_image_of_official_results_are_judged(shared: Path) -> None:
    theirs = json.loads((shared / "reference" / "official_results_2024.json").read_text())
    changed = json.loads(json.dumps(theirs))
    (label,) = theirs
    changed[label]["valid_runtime"] = [1.2 * ms for ms in theirs[label]["valid_runtime"]]
    changed[label]["valid_ave_runtime"] *= 1.2
    (pair,) = compare(read_rows(theirs), read_rows(changed), protocols()["ntire2024"]).pairs
    difference = next(one for one in pair.differences if one.subject == "valid runtime [ms]")
    assert difference.verdict == "beyond noise"
    assert difference.detail.endswith("200 images; devices not named")


def test_official_results_may_hold_anything() -> None:
    junk = {"valid_ave_psnr": "27", "valid_psnr": [1, "x"], "valid_runtime": [0, -1], "flops": []}
    other = {"valid_ave_psnr": float("nan"), "valid_runtime": {"a": 1}, "num_parameters": True}
    compare(read_rows({"x": junk}), read_rows({"x": other}), PROTOCOL)


def hostile() -> Comparison:
    label = "=cmd(),\x1b[31m<b>|\n"
    a, b = (replace(row(record()), label=label, record=r) for r in (record(), None))
    flags = (Flag("f", "x"),)
    changed = from_checkpoint(replace(record(), flags=flags, note="=1\x1b[2J"), "@SUM(1)")
    return compare([a], [replace(b, record=changed)], PROTOCOL)


def test_names_from_strangers_are_harmless_and_lines_fit() -> None:
    comparison = hostile()
    lines = list(csv.reader(io.StringIO(render_comparison_csv(comparison))))
    assert {len(line) for line in lines} == {8}
    assert not any(cell[:1] in ("=", "@", "+", "-") for line in lines for cell in line[:4])
    written = [
        render_comparison_csv(comparison),
        render_comparison_markdown(comparison, "a\x1b", "b"),
    ]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(lay_out_comparison(comparison, "a\x1b", "b"))
    written.append(console.export_text())
    assert all("\x1b" not in text for text in written)
    assert "<b>" not in written[1]
    assert max(map(len, written[2].splitlines())) <= 80


def write(folder: Path, *records: Record) -> Path:
    for one in records:
        json_file.dump(one, folder / "records" / f"{one.label}.json")
    return folder


def test_the_command_says_what_differs_and_its_status_whether_anything_does(tmp_path: Path) -> None:
    a = write(tmp_path / "a", record(), record(2, "Other"))
    b = write(tmp_path / "b", with_split(record(), other_psnr), record(2, "Other"))
    done = run("--compare", a, b, "--save_dir", tmp_path / "c")
    assert done.returncode == 1, done.stderr
    assert run("--compare", a, a).returncode == 0
    assert "2 in both: 1 without a mark, 1 differ" in done.stdout
    assert "0804.png" in done.stdout
    assert "02_Other" not in done.stdout
    rows = list(csv.DictReader((tmp_path / "c" / "comparison.csv").open()))
    psnr = next(line for line in rows if line["What"] == "valid PSNR")
    assert float(psnr["A"]) == record().splits[0].score("psnr")
    assert "0804.png" in (tmp_path / "c" / "comparison.md").read_text()
    assert sorted(path.name for path in a.iterdir()) == ["records"]


def test_a_baseline_that_is_another_row_in_each_costs_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = write(tmp_path / "a", record(), record(2, "Base"))
    b = write(tmp_path / "b", record(), record(3, "Base"))
    assert main(["--compare", str(a), str(b), "--baseline", "base"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "02_Base in A and 03_Base in B" in line


@pytest.mark.parametrize(
    "arguments", [[], ["a", "--compare", "a", "a"], ["--compare", "a", "b"], ["--compare", "a"]]
)
def test_unusable_input_costs_one_line(tmp_path: Path, arguments: list[str]) -> None:
    write(tmp_path / "a", record())
    places = [str(tmp_path / word) if len(word) == 1 else word for word in arguments]
    done = run(*places)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
