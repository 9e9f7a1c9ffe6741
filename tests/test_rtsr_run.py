"""`--protocol rtsr2023` as a user runs it: folders, figures, procedure, archives."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from harness import BY_TIME, Harness, nearest_state, smooth_image, tiny, write_image

from esr.challenge.rtsr.prepare_rtsr import main as prepare_main
from esr.challenge.rtsr.real_time_score import real_time_score

RTSR = ("--protocol", "rtsr2023", "--device", "cpu")
SMALL = ("--runtime_size", "24", "32", "--runtime_calls", "1", "2")


def write_rtsr(folder: Path, scale: int = 2, names: tuple[str, ...] = ("1", "2")) -> None:
    """GT/NAME.png and LR2/NAME.jpg, LR made by OpenCV, not by the code under test."""
    for seed, name in enumerate(names):
        truth = smooth_image(24 * scale, 20 * scale, seed)
        low = cv2.resize(truth, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
        write_image(folder / "GT" / f"{name}.png", truth)
        write_image(folder / f"LR{scale}" / f"{name}.jpg", low)


@pytest.fixture
def rtsr(harness: Harness) -> Harness:
    """A harness with a network of scale 2 and a folder of the challenge."""
    harness.add("team05_Twice", state=nearest_state(2), sidecar="scale = 2\nkwargs = {upscale = 2}")
    write_rtsr(harness.path / "rtsr")
    return harness


def _run(rtsr: Harness, *arguments: str) -> subprocess.CompletedProcess[str]:
    return rtsr.run(*RTSR, "--data_dir", str(rtsr.path / "rtsr"), *arguments)


def test_a_network_gets_its_score(rtsr: Harness) -> None:
    done = _run(rtsr, "--model_id", "5", "--runtime_calls", "0", "2")
    assert done.returncode == 0, done.stderr
    record, row = rtsr.record("05_Twice"), rtsr.rows()["05_Twice"]
    split, fixed = record["splits"][0], record["fixed_input"]
    assert fixed["input_size"] == [3, 1920, 1080]
    (run,) = fixed["runs"]
    assert run["dtype"] == "torch.float32"
    assert (run["warmups"], len(run["samples_ms"])) == (0, 2)
    assert fixed["flops_official"] == 12 * 3 * 9 * 1920 * 1080
    assert float(row["Params [M]"]) == (12 * 3 * 9 + 12) / 1e6
    assert record["counts"]["flops_official"] == 12 * 3 * 9 * 256 * 256
    expected = real_time_score(
        sum(image["scores"]["psnr_rgb"] for image in split["images"]) / 2,
        sum(run["samples_ms"]) / 2,
        split["bicubic_psnr_db"],
    )
    assert float(row["Score x2"]) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert row["Rank x2"] == "1"
    assert (row["Score x3"], row["Score x2 final"], row["Rank x3"]) == ("", "", "")
    assert "the mean of 2 calls after 0, not of 244 after 50" in done.stdout
    assert "float32 in place of half precision" in done.stdout


def test_figures_are_those_of_whole_images(rtsr: Harness) -> None:
    done = _run(rtsr, "--model_id", "5", *SMALL)
    assert done.returncode == 0, done.stderr
    row = rtsr.rows()["05_Twice"]
    assert (row["Score x2"], row["Input size"]) == ("", "3x24x32")
    assert "3x24x32, not 3x1920x1080 as the challenge asks: it gets no score" in done.stdout
    assert row["Not ranked because"].startswith("its fixed input was 3x24x32, the challenge asks")
    split = rtsr.record("05_Twice")["splits"][0]
    for image in split["images"]:
        stem = Path(image["name"]).stem
        low = cv2.imread(str(rtsr.path / "rtsr" / "LR2" / f"{stem}.jpg"))
        truth = cv2.imread(str(rtsr.path / "rtsr" / "GT" / image["name"]))
        restored = np.kron(low, np.ones((2, 2, 1), np.uint8))
        assert image["scores"]["psnr"] == pytest.approx(cv2.PSNR(restored, truth), abs=1e-9)
        assert image["scores"]["psnr_rgb"] == image["scores"]["psnr"]
        assert {"ssim_rgb", "psnr_y_first", "ssim_y_final"} <= image["scores"].keys()
    bicubic = []
    for stem in ("1", "2"):
        low = torch.from_numpy(cv2.imread(str(rtsr.path / "rtsr" / "LR2" / f"{stem}.jpg"))).float()
        wide = torch.nn.functional.interpolate(
            low.permute(2, 0, 1)[None], scale_factor=2, mode="bicubic", align_corners=False
        )
        wide = wide[0].permute(1, 2, 0).clamp(0, 255).round().numpy().astype(np.uint8)
        bicubic.append(cv2.PSNR(wide, cv2.imread(str(rtsr.path / "rtsr" / "GT" / f"{stem}.png"))))
    assert split["bicubic_psnr_db"] == pytest.approx(sum(bicubic) / 2, abs=1e-3)


def test_a_network_that_fails_on_the_large_input_keeps_its_figures(rtsr: Harness) -> None:
    source = tiny(before="assert x.shape[-1] < 300, 'too large for me'")
    sidecar = "scale = 2\nkwargs = {upscale = 2}"
    rtsr.add("team06_Small", source, nearest_state(2), sidecar)
    done = _run(rtsr, "--model_id", "6", "--runtime_calls", "0", "1")
    assert done.returncode == 0, done.stderr
    record = rtsr.record("06_Small")
    assert record["fixed_input"]["runs"] == []
    assert any("too large for me" in note for note in record["fixed_input"]["notes"])
    assert record["splits"][0]["images"][0]["scores"]["psnr_rgb"] > 10
    assert rtsr.rows()["06_Small"]["Score x2"] == ""


def test_the_challenge_has_no_track_of_x4(rtsr: Harness) -> None:
    done = _run(rtsr, "--model_id", "0")
    assert done.returncode == 2
    assert "rtsr2023 has no track of x4, but of x2 and x3" in done.stderr


DEFECTS = {
    "rm LR2/1.jpg": "1.png: has no counterpart: expected LR2/1.jpg",
    "rm GT/1.png": "1.jpg: has no counterpart: expected GT/1.png",
    "rm -r LR2": "LR2: no such folder; make it with python -m esr rtsr",
    "rm -r GT": "no valid set here: expected a folder GT or RTSR_valid/GT",
    "mv LR2/1.jpg LR2/1.png": "1.png: the challenge has .jpg files here",
    "cp GT/1.png LR2/1.jpg": "is not x2 of that",
    "truncate -s 9 LR2/1.jpg": "damaged, or not an image",
}


@pytest.mark.parametrize(("command", "message"), DEFECTS.items())
def test_defects_of_the_folders_are_named(rtsr: Harness, command: str, message: str) -> None:
    subprocess.run(command.split(), cwd=rtsr.path / "rtsr", check=True)
    done = _run(rtsr, "--model_id", "5", *SMALL)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_flags_of_the_fixed_input_need_a_protocol_that_has_one(harness: Harness) -> None:
    done = harness.run("--runtime_calls", "1", "2")
    assert done.returncode == 2
    assert "times the images, no fixed input" in done.stderr


@pytest.mark.parametrize(("scale", "form"), [(2, "x2"), (3, "x3")])
def test_prfdn_equals_the_facts_of_set5(
    scale: int, form: str, shared: Path, root: Path, tmp_path: Path
) -> None:
    facts = json.loads((shared / "networks" / "facts_prfdn.json").read_text())
    rows = facts["rtsr_style_on_demo_set5_hr"]["rows"][f"x{scale}_jpeg90"]
    harness = Harness(tmp_path / "harness")
    for suffix in ("py", "toml"):
        shutil.copy(root / "models" / f"team13_PRFDN.{suffix}", harness.path / "models")
    data, checkpoints = tmp_path / "set5", shared / "networks" / "checkpoints"
    images = str(shared / "data" / "Set5" / "HR")
    assert prepare_main([images, str(data), "--scale", str(scale), "--whole"]) == 0
    checkpoint = str(checkpoints / f"PRFDN_{form}_state.pth")
    done = harness.run(
        *(*RTSR, "--model_id", "13", "--form", form, "--checkpoint", checkpoint),
        *("--data_dir", str(data), *SMALL),
    )
    assert done.returncode == 0, done.stderr
    split = harness.record("13_PRFDN")["splits"][0]
    expected = rows["PRFDN [0,255]"]
    for image in split["images"]:
        psnr_db = expected["psnr_rgb_per_image"][Path(image["name"]).stem]
        assert image["scores"]["psnr_rgb"] == pytest.approx(psnr_db, abs=0.001)
    names = {"psnr_rgb": "psnr_rgb", "psnr_y_first": "psnr_y_rounded", "ssim_rgb": "ssim_rgb"}
    names |= {"ssim_y_first": "ssim_y_rounded", "psnr_y_final": "psnr_y_final"}
    for ours, theirs in (names | {"ssim_y_final": "ssim_y_final"}).items():
        mean = sum(image["scores"][ours] for image in split["images"]) / 5
        assert mean == pytest.approx(expected["mean"][theirs], abs=0.001)
    bicubic = rows["bicubic(torch, align_corners False, clamped)"]["mean"]["psnr_rgb"]
    assert split["bicubic_psnr_db"] == pytest.approx(bicubic, abs=0.001)


ARCH = """
import os
import sys

import torch
from utils.metrics import Tiny
from utils.deeper import UPSCALE


def srmodel():
    print("HERE", sorted(os.listdir()), sys.argv[1:], sorted(os.environ.values()))
    model = Tiny(UPSCALE)
    model.load_state_dict(torch.load("checkpoint.pth", weights_only=True))
    return model
"""
"""Its `utils` has the name of our official import path, and the checkpoint is beside it."""


def write_archive(path: Path, members: dict[str, bytes | str] | None = None) -> Path:
    """A submission as the challenge asks for it; `members` are added, or replaced, or left out if empty."""
    state = path.with_suffix(".pth")
    torch.save(nearest_state(2), state)
    layout: dict[str, bytes | str] = {
        "arch.py": ARCH,
        "utils/metrics.py": tiny(before="from utils.late import ONE"),
        "utils/late.py": "ONE = 1\n",
        "thop.py": "raise RuntimeError('not the real one')\n",
        "utils/deeper/__init__.py": "UPSCALE = 2\n",
        "checkpoint.pth": state.read_bytes(),
        "requirements.txt": "timm\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (layout | (members or {})).items():
            if data:
                archive.writestr(name, data)
    state.unlink()
    return path


def _results(rtsr: Harness, change: int = 0) -> dict[str, bytes | str]:
    members: dict[str, bytes | str] = {}
    for stem in ("1", "2"):
        low = cv2.imread(str(rtsr.path / "rtsr" / "LR2" / f"{stem}.jpg"))
        restored = np.kron(low, np.ones((2, 2, 1), np.uint8)) + np.uint8(change)
        members[f"results/{stem}.png"] = cv2.imencode(".png", restored)[1].tobytes()
    return members


def test_an_archive_is_measured_as_its_network_would_be(rtsr: Harness, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "submission_42.zip", _results(rtsr))
    done = _run(rtsr, "--submission", str(archive), *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (rtsr.results / "logs" / "42_submission.log").read_text()
    files = ["arch.py", "checkpoint.pth", "requirements.txt", "thop.py", "utils"]
    assert f"HERE {files}" in log
    assert str(rtsr.path / "rtsr") not in log
    assert _run(rtsr, "--model_id", "5", *SMALL).returncode == 0
    ours, theirs = rtsr.record("05_Twice"), rtsr.record("42_submission")
    scores = [[image["scores"] for image in r["splits"][0]["images"]] for r in (ours, theirs)]
    assert scores[0] == scores[1]
    for counter in ("flops_official", "flops_fvcore", "flops_thop"):
        assert theirs["counts"][counter] == ours["counts"][counter] > 0
    assert "submission_42.zip, SHA-256 " in theirs["sidecar"]["team"]["source"]
    flags = [
        [flag["name"] for flag in record["flags"] if flag["name"] not in BY_TIME]
        for record in (ours, theirs)
    ]
    assert flags[0] == flags[1]


def test_images_handed_in_that_are_not_the_networks_are_flagged(
    rtsr: Harness, tmp_path: Path
) -> None:
    members = _results(rtsr, change=3) | {"results/2.png": b"no image"}
    archive = write_archive(tmp_path / "submission_7.zip", members)
    done = _run(rtsr, "--submission", str(archive), *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    details = [
        flag["detail"]
        for flag in rtsr.record("07_submission")["flags"]
        if flag["name"] == "submitted_results"
    ]
    assert details[0] == "results/2.png cannot be decoded"
    assert "on 1 images, the network" in details[1]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"arch.py": "", "team/arch.py": ARCH}, "holds no arch.py at its top, but in team/"),
        (
            {"arch.py": "", "submission_7.zip": "x"},
            "but the archive submission_7.zip; hand in that one itself",
        ),
        ({"checkpoint.pth": ""}, "holds no checkpoint.pth"),
        ({"../evil.py": "x"}, "would be written outside"),
        ({"arch.py": "srmodel = 3"}, "defines no srmodel()"),
        ({"arch.py": "def srmodel():\n    return 3"}, "returned a int, no network"),
    ],
)
def test_an_archive_that_is_no_good_costs_its_row(
    members: dict, reason: str, rtsr: Harness, tmp_path: Path
) -> None:
    archive = write_archive(tmp_path / "submission_7.zip", members)
    done = _run(rtsr, "--submission", str(archive), *SMALL)
    assert done.returncode == 1, done.stdout + done.stderr
    assert reason in rtsr.rows()["07_submission"]["Reason"]


def test_the_command_line_of_an_archive(rtsr: Harness, tmp_path: Path) -> None:
    archive = str(write_archive(tmp_path / "a b.zip"))
    assert "add --protocol rtsr2023" in rtsr.run("--submission", archive).stderr
    assert "no such file" in _run(rtsr, "--submission", "absent.zip").stderr
    write_rtsr(rtsr.path / "rtsr", scale=3, names=("1", "2"))
    assert "add --scale 2 or 3" in _run(rtsr, "--submission", archive).stderr
    assert "no such track" in _run(rtsr, "--submission", archive, "--scale", "4").stderr
