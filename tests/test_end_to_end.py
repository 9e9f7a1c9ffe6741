"""The whole program on good input: official figures, files, drop-in submissions, every sidecar key."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from harness import PATIENCE_S, Harness, nearest_state, tiny, write_pairs

SET5 = ("baby", "bird", "butterfly", "head", "woman")


@pytest.fixture(scope="module")
def baseline(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """RFDN with its public checkpoint, measured on Set5 by the real command."""
    harness = Harness(tmp_path_factory.mktemp("rfdn") / "harness")
    root = Path(__file__).resolve().parents[1]
    for suffix in ("py", "toml"):
        shutil.copy(root / "models" / f"team00_RFDN.{suffix}", harness.path / "models")
    checkpoint = shared / "networks" / "checkpoints" / "team00_rfdn.pth"
    done = harness.run(
        *("--data_dir", str(shared / "data"), "--dataset", "Set5", "--ssim"),
        *("--checkpoint", str(checkpoint), "--protocol", "ntire2023", "--device", "cpu"),
    )
    assert done.returncode == 0, done.stderr
    return harness


def _reference(shared: Path) -> dict:
    runs = json.loads((shared / "reference" / "official_submissions.json").read_text())
    return next(r for r in runs["submissions"] if (r["year"], r["model_id"]) == (2023, 0))


def test_psnr_equals_the_official_run_of_2023(baseline: Harness, shared: Path) -> None:
    official, ours = _reference(shared), json.loads((baseline.results / "results.json").read_text())
    assert ours["00_RFDN"]["valid_psnr"] == pytest.approx(official["psnr"], abs=1e-4)
    assert ours["00_RFDN"]["valid_ave_psnr"] == pytest.approx(official["psnr_mean"], abs=1e-4)


def test_ssim_equals_the_fact_of_the_specification(baseline: Harness) -> None:
    results = json.loads((baseline.results / "results.json").read_text())
    assert results["00_RFDN"]["valid_ave_ssim"] == pytest.approx(0.8643, abs=5e-5)


def test_complexity_equals_the_official_run_exactly(baseline: Harness, shared: Path) -> None:
    official, counts = _reference(shared), baseline.record("00_RFDN")["counts"]
    assert counts["params"] == 433448
    assert counts["flops_official"] == round(official["flops_official_g"] * 1e9)
    assert counts["flops_fvcore"] == round(official["flops_fvcore_g"] * 1e9)
    assert counts["activations"] == round(official["activations_m"] * 1e6)
    assert counts["num_conv"] == official["num_conv"]


def test_the_csv_gives_every_figure_back_unrounded(baseline: Harness) -> None:
    row = pd.read_csv(baseline.results / "leaderboard.csv").iloc[0]
    official = json.loads((baseline.results / "results.json").read_text())["00_RFDN"]
    assert row["Val PSNR"] == official["valid_ave_psnr"]
    assert row["Val Time [ms]"] == official["valid_ave_runtime"]
    assert row["FLOPs [G]"] == official["flops"]
    assert (row["Conv"], row["Clock"]) == (64, "perf_counter")


def test_the_protocol_decides_which_flops_are_published(baseline: Harness) -> None:
    row = baseline.rows()["00_RFDN"]
    assert row["FLOPs [G]"] == row["FLOPs official [G]"] == "27.10262256"
    assert row["FLOPs fvcore [G]"] == "27.046231296"


def test_the_record_holds_its_provenance(baseline: Harness) -> None:
    record = baseline.record("00_RFDN")
    assert record["provenance"]["checkpoint_sha256"].startswith("11af8ec8ebd68689")
    assert record["provenance"]["command"][2:5] == ["--dataset", "Set5", "--ssim"]
    assert record["machine"]["torch"] == torch.__version__
    assert record["output_dtype"] == "torch.float32"
    assert record["splits"][0]["memory_mib"] is None
    assert [image["name"] for image in record["splits"][0]["images"]] == [f"{n}.png" for n in SET5]


def test_the_log_has_the_official_lines(baseline: Harness) -> None:
    log = (baseline.results / "logs" / "test_demo.log").read_text()
    assert "baby.png - PSNR: 32.25 dB; SSIM: " in log
    assert "#Conv2d : 64" in log
    assert "FLOPs : 27.1026 [G]" in log


SNOOP = 'import os, pathlib; print("FILES", sorted(str(p) for p in pathlib.Path.cwd().parent.rglob("*")), os.environ)'
UP = """
from torch import nn


class Up(nn.Upsample):
    def __init__(self):
        super().__init__(scale_factor=4)
"""


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Submissions of several kinds, measured in one run."""
    harness = Harness(tmp_path_factory.mktemp("several") / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.add("team00_Tiny")
    harness.add("team02_Snoop", tiny("self.up(self.body(x))", SNOOP))
    harness.add("team03_Range", tiny("self.up(self.body(x)).clamp(0, 0.3)"))
    harness.add("team04_Up", UP, state={})
    harness.add("team07_Dropped", tiny(), checkpoint="team07_dropped_epoch_1000.pth")
    done = harness.run("--model_id", "0", "2", "3", "4", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    return harness


def test_an_official_style_file_runs_with_no_edit(several: Harness) -> None:
    row = several.rows()["07_Dropped"]
    assert float(row["Params [M]"]) == (48 * 3 * 9 + 48) / 1e6
    assert float(row["FLOPs official [G]"]) == 48 * 3 * 9 * 256 * 256 / 1e9
    assert int(row["Conv"]) == 1


def test_psnr_of_a_known_network_is_opencvs(several: Harness) -> None:
    # The network repeats pixels, so SR is known without running it.
    demo = several.path / "data" / "demo"
    for image in several.record("00_Tiny")["splits"][0]["images"]:
        stem = Path(image["name"]).stem
        lr = cv2.imread(str(demo / "LR_bicubic" / "X4" / f"{stem}x4.png"))
        hr = cv2.imread(str(demo / "HR" / image["name"]))
        sr = np.kron(lr, np.ones((4, 4, 1), np.uint8))
        expected = cv2.PSNR(sr[4:-4, 4:-4], hr[4:-4, 4:-4])
        assert image["scores"]["psnr"] == pytest.approx(expected, abs=1e-9)


SIDECAR = """
arch = "Tiny"
kwargs = {{ upscale = 2 }}
checkpoint = "team08_other.ckpt"
data_range = 255.0
scale = 2
strict = false
size_multiple_px = 8
tile = 40

[team]
name = "A, B & C"
title = "Everything"
source = "a test"

[claims]
val_psnr_db = 26.9
runtime_ms = 10
params_m = 0.3
num_conv = 1

[forms.deploy]

[forms.training]
kwargs = {{ upscale = {upscale} }}
checkpoint = "team08_training.pt"
"""


def test_every_key_of_a_sidecar_is_honoured(harness: Harness) -> None:
    source = tiny() + "\n\nclass Loss:\n    pass\n"
    state = {"params_ema": {"module." + key: value for key, value in nearest_state(2).items()}}
    state["params_ema"]["module.unused"] = torch.ones(1)
    harness.add("team08_Keys", source, state, SIDECAR.format(upscale=2), "team08_other.ckpt")
    torch.save(nearest_state(2), harness.path / "model_zoo" / "team08_training.pt")
    write_pairs(harness.path / "data" / "demo", scale=2)
    done = harness.run("--model_id", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    record = harness.record("08_Keys")
    assert record["form"] == "deploy"
    assert record["provenance"]["checkpoint"] == "team08_other.ckpt"
    assert record["splits"][0]["images"][0]["scores"]["psnr"] > 20
    assert harness.rows()["08_Keys"]["Team"] == "A, B & C"
    done = harness.run("--model_id", "8", "--form", "training")
    assert done.returncode == 0, done.stdout + done.stderr
    assert harness.record("08_Keys")["provenance"]["checkpoint"] == "team08_training.pt"
    done = harness.run("--model_id", "8", "--form", "deplyo")
    assert (done.returncode, "it has: deploy, training" in done.stderr) == (2, True)


def test_test_set_and_saved_images_at_the_official_places(harness: Harness, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number, name in enumerate(("DIV2K_LSDIR_valid", "DIV2K_LSDIR_test")):
        write_pairs(tmp_path / "pairs" / name, (f"000000{number + 1}", f"080{number + 1}"))
        shutil.copytree(tmp_path / "pairs" / name / "HR", data / f"{name}_HR")
        shutil.copytree(tmp_path / "pairs" / name / "LR_bicubic" / "X4", data / f"{name}_LR")
    done = harness.run("--data_dir", str(data), "--include_test", "--save_images")
    assert done.returncode == 0, done.stderr
    results = json.loads((harness.results / "results.json").read_text())["00_Tiny"]
    assert len(results["valid_runtime"]) == len(results["test_psnr"]) == 2
    row = harness.rows()["00_Tiny"]
    times = float(row["Val Time [ms]"]), float(row["Test Time [ms]"])
    assert float(row["Ave Time [ms]"]) == sum(times) / 2
    lr = cv2.imread(str(data / "DIV2K_LSDIR_test_LR" / "0802x4.png"))
    saved = cv2.imread(str(harness.results / "00_Tiny" / "test" / "0802.png"))
    assert np.array_equal(saved, np.kron(lr, np.ones((4, 4, 1), np.uint8)))


def test_a_second_run_replaces_only_its_own_row(harness: Harness) -> None:
    harness.add("team01_Other")
    assert harness.run("--model_id", "0", "1").returncode == 0
    before = harness.record("01_Other")
    assert harness.run("--model_id", "0").returncode == 0
    assert harness.record("01_Other") == before
    assert set(harness.rows()) == {"00_Tiny", "01_Other"}


def test_the_child_is_told_nothing_of_hr_or_of_names(several: Harness) -> None:
    log = (several.results / "logs" / "02_Snoop.log").read_text()
    assert "job.json" in log
    for secret in (str(several.path / "data"), "ax4", "x4-0"):
        assert secret not in log


@pytest.mark.parametrize(
    ("sent", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGHUP, 130), (signal.SIGKILL, -9)],
)
def test_an_interrupted_run_keeps_what_it_had(
    harness: Harness, sent: signal.Signals, status: int
) -> None:
    # Its own folder is the only one that it can write to.
    folders = harness.path / "temporary"
    folders.mkdir()
    wait = "import os, pathlib, time; pathlib.Path('child.pid').write_text(str(os.getpid())); time.sleep(600)"
    harness.add("team01_Waits", tiny("x", wait))
    command = [sys.executable, str(harness.path / "test_demo.py"), "--model_id", "0", "1"]
    # Tests that run in the background have SIGINT ignored, and so would what they start.
    start = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": _heed_signals}
    start["env"] = {**os.environ, "TMPDIR": str(folders)}
    with subprocess.Popen(command, **start) as parent:
        said = ""
        while parent.poll() is None and not said:
            time.sleep(0.05)
            said = "".join(here.read_text() for here in folders.glob("*/*/01_Waits/child.pid"))
        child = int(said)
        parent.send_signal(sent)
        _, printed = parent.communicate(timeout=PATIENCE_S)
    assert parent.returncode == status
    assert "Traceback" not in printed
    assert set(harness.rows()) == {"00_Tiny"}
    deadline = time.monotonic() + PATIENCE_S
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(child)


def _heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.gpu
def test_on_cuda_runtime_is_by_events_and_memory_is_known(harness: Harness) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert harness.run("--device", "cuda").returncode == 0
    record = harness.record("00_Tiny")
    assert (record["clock"], record["machine"]["device"]) == ("cuda_event", "cuda:0")
    assert record["machine"]["driver"]
    split = record["splits"][0]
    assert 0 < split["split_memory_mib"] <= split["memory_mib"]


def test_saving_images_may_fail_without_losing_the_measurement(harness: Harness) -> None:
    harness.results.mkdir()
    (harness.results / "00_Tiny").write_text("in the way")
    done = harness.run("--save_images", "--make_zip")
    assert done.returncode == 0
    assert "warning: SR images are not kept" in done.stderr
    assert "warning: no archive to upload" in done.stderr
    assert harness.rows()["00_Tiny"]["Status"] == "ok"


def test_the_wrong_data_range_is_named(several: Harness) -> None:
    note = several.rows()["03_Range"]["Note"]
    assert "dB below bicubic with data_range 1, as declared, and with 255 it is no better" in note


def test_a_network_without_parameters_is_measured(several: Harness) -> None:
    row = several.rows()["04_Up"]
    assert (float(row["Params [M]"]), float(row["Val PSNR"]) > 20) == (0, True)


def test_identical_images_give_an_infinite_psnr_that_survives_the_files(harness: Harness) -> None:
    demo = harness.path / "data" / "demo"
    for hr in (demo / "HR").iterdir():
        lr = cv2.imread(str(demo / "LR_bicubic" / "X4" / f"{hr.stem}x4.png"))
        cv2.imwrite(str(hr), np.kron(lr, np.ones((4, 4, 1), np.uint8)))
    assert harness.run().returncode == 0
    assert harness.run().returncode == 0
    assert harness.rows()["00_Tiny"]["Val PSNR"] == "inf"


def test_all_columns_on_demand(harness: Harness) -> None:
    assert harness.run("--all_columns").returncode == 0
    every = (harness.results / "leaderboard.csv").read_text().splitlines()[0].split(",")
    assert harness.run().returncode == 0
    few = (harness.results / "leaderboard.csv").read_text().splitlines()[0].split(",")
    assert few == [title for title in every if title in few]
    assert {"Failed stage", "Drift [%]"} <= set(every) - set(few)
    # Two images, PSNR and runtime of each.
    long = (harness.results / "per_image.csv").read_text().splitlines()
    assert [line.rpartition(",")[0] for line in long[1:]] == [
        f"00_Tiny,demo,{image}.png,{metric}" for image in "ab" for metric in ("psnr", "runtime")
    ]
