"""A wrong data_range is noticed, a right one is not, and what is scored is what was declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import Harness, tiny, write_pairs
from torch import nn

from esr.audit.audit_passes import other_range, restored_in_other_range
from esr.datasets.manifest import PairHash
from esr.datasets.staging import StagedImage
from esr.evaluate.judge_data_range import DataRangeVerdict, judge_data_range
from esr.evaluate.score_images import psnr_db
from esr.evaluate.worker.build_network import make_bench, prepare
from esr.images.image_file import imread_uint
from esr.images.official_image import modcrop
from esr.images.resample import imresize_uint8
from esr.measure.bench import Bench
from esr.measure.job import Job, JobFolder
from esr.submissions.discovery import discover
from esr.submissions.submission import Submission

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("00_RFDN", "01_EDRN", "05_SRneXt", "09_MDRN", "13_PRFDN", "16_LKDN", "2026_SPAN")


def _shipped(label: str) -> Submission:
    (entry,) = (entry for entry in discover(ROOT) if entry.label == label)
    assert isinstance(entry, Submission)
    return entry


def _staged(folder: Path, scale: int) -> StagedImage:
    hr = modcrop(imread_uint(ROOT / "data" / "demo" / "HR" / "astronaut.png"), 12)
    np.save(folder / "hr.npy", hr)
    np.save(folder / "lr.npy", imresize_uint8(hr, 1 / scale))
    return StagedImage("astronaut.png", folder / "lr.npy", folder / "hr.npy", PairHash("", "", ""))


def _bench(submission: Submission) -> tuple[Bench, nn.Module]:
    built = prepare(Job(submission, "cpu", ()), lambda _: None)
    return make_bench(built), built.model


@pytest.mark.parametrize("label", SHIPPED)
def test_the_range_of_a_trained_network_is_told_from_the_wrong_one(
    label: str, tmp_path: Path
) -> None:
    honest, folder = _shipped(label), JobFolder(tmp_path)
    right = honest.sidecar.data_range
    image = _staged(tmp_path, honest.sidecar.scale)
    bench, model = _bench(honest)
    lr = bench.load(np.load(image.lr))
    bench.save(bench.forward(lr), lr, tmp_path / "declared.npy")
    wrong = restored_in_other_range(bench, model, image.lr, folder.other_range)
    assert wrong == {1.0: 255.0, 255.0: 1.0}[right]
    files = tmp_path / "declared.npy", folder.other_range
    right_db, wrong_db = (psnr_db(image, file, 4) for file in files)
    assert judge_data_range(image, right_db, (wrong, files[1]), honest, 4).flags == ()
    lying = replace(honest, sidecar=replace(honest.sidecar, data_range=wrong))
    verdict = judge_data_range(image, wrong_db, (right, files[0]), lying, 4)
    assert [flag.name for flag in verdict.flags] == ["wrong_data_range"]
    for figure in (f"{right_db:.2f} dB", f"{wrong_db:.2f} dB", "astronaut.png"):
        assert figure in verdict.flags[0].detail
    assert f"set it in {honest.model_file.stem}.toml" in verdict.note


def test_only_more_than_two_db_count(harness: Harness, tmp_path: Path) -> None:
    (entry,) = discover(harness.path)
    image = _staged(tmp_path, 4)
    np.save(tmp_path / "sr.npy", imresize_uint8(np.load(image.lr), 4))
    other = (255.0, tmp_path / "sr.npy")
    other_db = psnr_db(image, other[1], 4)
    for below, flags in ((-1.0, 0), (0.0, 0), (1.99, 0), (2.01, 1), (9.0, 1)):
        verdict = judge_data_range(image, other_db - below, other, entry, 4)
        assert len(verdict.flags) == flags
    # As bad as it is, the other range is no better: both values, and no verdict on the range.
    np.save(tmp_path / "sr.npy", np.zeros_like(np.load(image.hr)))
    verdict = judge_data_range(image, 12.0, other, entry, 4)
    assert verdict.flags == ()
    assert verdict.note.endswith(
        " dB below bicubic with data_range 1, as declared, and with 255 it is no better"
        f" ({psnr_db(image, other[1], 4):.2f} dB): check the range of its"
        " output, and its checkpoint"
    )
    # Without another image to compare with, the place where the range is declared is all there is.
    unsure = judge_data_range(image, 12.0, None, entry, 4).note
    assert unsure.endswith(
        "dB below bicubic: check data_range (1) in a sidecar team00_Tiny.toml (which is not there"
        " yet)"
    )
    entry.model_file.with_suffix(".toml").write_text("data_range = 1.0\n")
    unsure = judge_data_range(image, 12.0, None, entry, 4).note
    assert unsure.endswith("data_range (1) in team00_Tiny.toml")
    handed_in = replace(entry, handed_in_to="rtsr2023")  # It has no sidecar.
    unsure = judge_data_range(image, 12.0, None, handed_in, 4).note
    assert unsure.endswith("data_range (1) with --rgb_range")


@pytest.mark.parametrize("left", [None, b"", b"nonsense", np.zeros((4, 4, 3), np.uint8)])
def test_without_a_second_image_there_is_no_comparison(
    harness: Harness, tmp_path: Path, left: object
) -> None:
    (entry,) = discover(harness.path)
    image, file = _staged(tmp_path, 4), tmp_path / "sr.npy"
    if isinstance(left, bytes):
        file.write_bytes(left)
    elif left is not None:
        np.save(file, left)
    assert judge_data_range(image, 40.0, (255.0, file), entry, 4) == DataRangeVerdict()


@pytest.mark.parametrize(
    "refusal",
    [
        "1 / 0",
        "exit(3)",
        "x[99]",
        "x * float('nan')",
        "x[..., 1:]",
        "(_ for _ in ()).throw(KeyboardInterrupt)",
    ],
)
def test_a_network_that_refuses_the_other_range_gives_none(
    harness: Harness, tmp_path: Path, refusal: str
) -> None:
    harness.add("team01_Picky", tiny(f"self.up(self.body(x)) if x.max() <= 1 else {refusal}"))
    entry = next(entry for entry in discover(harness.path) if entry.model_id == 1)
    (bench, model), image = _bench(entry), _staged(tmp_path, 4)
    assert restored_in_other_range(bench, model, image.lr, tmp_path / "sr.npy") is None


def test_the_network_is_given_back_as_it_was(harness: Harness, tmp_path: Path) -> None:
    harness.add("team01_Keeps", tiny(before="self.last = x.max(); self.body.weight.zero_()"))
    entry = next(entry for entry in discover(harness.path) if entry.model_id == 1)
    (bench, model), image = _bench(entry), _staged(tmp_path, 4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    assert restored_in_other_range(bench, model, image.lr, tmp_path / "sr.npy") == 255.0
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert not hasattr(model, "last")


def test_the_other_of_a_strange_range_is_the_usual_one() -> None:
    assert [other_range(declared) for declared in (1.0, 255.0, 2.0)] == [255.0, 1.0, 1.0]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """An honest network, one of the wrong range, and two that are thrown off by the other range."""
    harness = Harness(tmp_path_factory.mktemp("range") / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.add("team00_Tiny")
    harness.add(
        "team03_Range", tiny("torch.where(x.max() > 1.5, 1.0, 0.6) * self.up(self.body(x))")
    )
    exits = "self.up(self.body(x)) if x.max() <= 1 else __import__('sys').exit(3)"
    harness.add("team04_Exits", tiny(exits))
    harness.add(
        "team05_Breaks",
        tiny(before="if x.max() > 1: self.body.weight.zero_(), torch.set_num_threads(3)"),
    )
    done = harness.run("--model_id", "0", "3", "4", "5", "--repeats", "2")
    assert done.returncode == 0, done.stderr
    return harness


def test_the_row_says_both_values_and_is_scored_as_declared(measured: Harness) -> None:
    row, record = measured.rows()["03_Range"], measured.record("03_Range")
    assert "wrong_data_range" in row["Flags"].split(", ")
    where = "a sidecar team03_Range.toml (which is not there yet)"
    assert row["Note"] == f"data_range is 255 rather than 1: set it in {where}"
    (flag,) = (flag for flag in record["flags"] if flag["name"] == "wrong_data_range")
    first = record["splits"][0]["images"][0]["scores"]["psnr"]
    better = measured.record("00_Tiny")["splits"][0]["images"][0]["scores"]["psnr"]
    assert first < better - 2
    assert flag["detail"] == (
        f"a.png has {first:.2f} dB with data_range 1, as declared and scored,"
        f" and {better:.2f} dB with 255"
    )


@pytest.mark.parametrize("label", ["04_Exits", "05_Breaks"])
def test_a_network_that_breaks_in_the_other_range_has_the_record_of_an_honest_one(
    measured: Harness, label: str
) -> None:
    plain, other = measured.record("00_Tiny"), measured.record(label)
    # Of the flags only this one: those about runtimes may be raised on a machine under load.
    assert "wrong_data_range" not in {flag["name"] for flag in other["flags"]}
    for key in ("precision", "machine", "output_dtype", "note"):
        assert other[key] == plain[key]
    counted = ("params", "flops_fvcore", "flops_dispatch", "activations", "notes", "differs_under")
    for key in counted:
        assert other["counts"][key] == plain["counts"][key]
    scores = [
        [image["scores"] for image in record["splits"][0]["images"]] for record in (plain, other)
    ]
    assert scores[0] == scores[1]
