"""A clone of an official repository by the real command: nothing of it is changed, all of it is found."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from clones import tree_sha256, write_clone
from harness import BY_TIME, Harness, nearest_state, smooth_image, tiny, write_pairs

from esr.images.official_image import calculate_psnr


class Run:
    """The whole clone measured once."""

    def __init__(self, folder: Path) -> None:
        self.clone = write_clone(folder / "clone")
        self.harness = Harness(folder / "harness")
        write_pairs(self.harness.path / "data" / "demo")
        self.before = tree_sha256(self.clone)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUDA_VISIBLE_DEVICES", "")  # Redirection is for machines without a GPU.
            self.done = self.harness.run(
                *("--submission", str(self.clone), "--model_id", "all", "--device", "cpu")
            )

    def record(self, label: str) -> dict:
        return self.harness.record(label)

    def failure(self, label: str) -> dict:
        return json.loads((self.harness.results / "failures" / f"{label}.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("fork"))


def _nearest_psnr(invert: bool = False) -> float:
    """What the network of `nearest_state` scores, computed without it."""
    scores = []
    for seed in (0, 1):
        hr = smooth_image(96, (20 + seed) * 4, seed)
        sr = np.kron(hr[::4, ::4], np.ones((4, 4, 1))).astype(np.uint8)
        scores.append(calculate_psnr(255 - sr if invert else sr, hr, border=4))
    return sum(scores) / len(scores)


def _psnr(record: dict) -> float:
    scores = [image["scores"]["psnr"] for image in record["splits"][0]["images"]]
    return sum(scores) / len(scores)


def test_the_clone_stays_as_it_was(run: Run) -> None:
    assert tree_sha256(run.clone) == run.before
    status = ["git", "-C", str(run.clone), "status", "--porcelain", "--ignored"]
    assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == ""


def test_every_id_has_its_row_under_the_name_in_the_source(run: Run) -> None:
    assert run.done.returncode == 1, run.done.stdout + run.done.stderr
    # A spreadsheet would take a leading minus for a formula.
    assert {name.lstrip("'") for name in run.harness.rows()} == {
        *("-1_Wrong", "00_Tiny_baseline", "01_submission", "02_Wrapped", "03_Greedy"),
        *("04_Greedy", "05_Absent", "06_NoFile", "07_Pickled", "08_submission"),
    }


@pytest.mark.parametrize("label", ["00_Tiny_baseline", "02_Wrapped", "03_Greedy"])
def test_a_clone_is_scored_as_its_network_is(run: Run, label: str) -> None:
    record = run.record(label)
    assert _psnr(record) == pytest.approx(_nearest_psnr(), abs=1e-6)
    assert record["counts"]["params"] == 48 * 27 + 48
    assert record["counts"]["num_conv"] == 1


def test_an_id_that_the_clones_own_loop_treats_apart_is_treated_so(run: Run) -> None:
    record = run.record("04_Greedy")
    assert record["fork"]["facts"]["forward"] == "forward_team4(img_lr, model, tile)"
    assert _psnr(record) == pytest.approx(_nearest_psnr(invert=True), abs=1e-6)


def test_the_record_says_what_select_model_returned(run: Run) -> None:
    record = run.record("02_Wrapped")
    assert record["fork"]["facts"]["absent"] == ["no_such_plots"]
    assert (record["sidecar"]["data_range"], record["sidecar"]["tile"]) == (255.0, 8)
    assert record["sidecar"]["scale"] == 4
    assert record["fork"]["facts"]["name"] == record["label"]


def test_the_record_says_which_files_were_used(run: Run) -> None:
    record = run.record("02_Wrapped")
    fork, made = record["fork"], record["provenance"]
    assert [file["path"] for file in fork["files"]] == [
        *("model_zoo/team02.ckpt", "models/team02_wrapped/net.py"),
        *("models/team02_wrapped/parts.py", "utils/late.py", "utils/sizes.py"),
    ]
    sums = subprocess.run(
        ["sha256sum", "test_demo.py", "model_zoo/team02.ckpt"],
        cwd=run.clone,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert (made["model_sha256"], made["checkpoint_sha256"]) == (sums[0], sums[2])
    head = ["git", "-C", str(run.clone), "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    assert fork["git_commit"] == commit


def test_what_was_redirected_to_the_cpu_is_counted(run: Run) -> None:
    redirected = run.record("03_Greedy")["fork"]["facts"]["redirected"]
    assert redirected["torch.cuda.current_device"] == 1
    assert redirected["torch.cuda.synchronize"] == 1
    assert redirected["Tensor.cuda"] >= 4
    assert redirected["torch.load"] == 1
    assert run.record("00_Tiny_baseline")["fork"]["facts"]["redirected"] == {"torch.load": 1}


def test_our_own_redirection_is_no_suspicion(run: Run) -> None:
    greedy, tiny_ = (
        {flag["name"] for flag in run.record(label)["flags"]}.difference(BY_TIME)
        for label in ("03_Greedy", "00_Tiny_baseline")
    )
    assert (greedy, tiny_) == ({"constructor_warm_up"}, set())


@pytest.mark.parametrize(
    ("label", "stage", "reason"),
    [
        ("01_submission", "discover", "no submission: its branch in select_model is empty"),
        ("08_submission", "discover", "no submission: its branch in select_model only raises"),
        ("05_Absent", "import", "needs the package absent_package, which is not installed"),
        ("06_NoFile", "load", "no checkpoint: model_zoo/team06.pth is not in the clone"),
        ("07_Pickled", "load", "team07.pth: holds more than tensors, so loading it could run code"),
        ("-1_Wrong", "build", "select_model returned '1.0' as data_range"),
    ],
)
def test_a_failure_says_what_is_wrong(run: Run, label: str, stage: str, reason: str) -> None:
    failure = run.failure(label)
    assert (failure["stage"], failure["reason"][: len(reason)]) == (stage, reason)


def test_trust_runs_a_pickled_network_and_says_so(run: Run, tmp_path: Path) -> None:
    assert "--trust ID" in run.failure("07_Pickled")["reason"]
    done = run.harness.run(
        *("--submission", str(run.clone), "--model_id", "7", "--trust", "7"),
        *("--device", "cpu", "--save_dir", str(tmp_path)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "07_Pickled: --trust: code in its checkpoint is run" in done.stdout
    record = json.loads((tmp_path / "records" / "07_Pickled.json").read_text())
    assert _psnr(record) == pytest.approx(_nearest_psnr(), abs=1e-6)
    assert "trusted_checkpoint" in {flag["name"] for flag in record["flags"]}


def test_list_names_the_ids_without_running_anything(run: Run) -> None:
    done = run.harness.run("--list", "--submission", str(run.clone))
    assert done.returncode == 0
    assert "02_Wrapped" in done.stdout
    assert "no submission" in done.stdout


def test_a_clone_of_our_own_layout_is_measured_as_it_stands(tmp_path: Path) -> None:
    theirs, ours = Harness(tmp_path / "theirs"), Harness(tmp_path / "ours")
    theirs.add("team03_Own", "from models.parts import *\n" + tiny(), nearest_state())
    (theirs.path / "models" / "parts.py").write_text("from torch import nn\n")
    write_pairs(ours.path / "data" / "demo")
    before = tree_sha256(theirs.path)
    done = ours.run("--submission", str(theirs.path), "--model_id", "3", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _psnr(ours.record("03_Own")) == pytest.approx(_nearest_psnr(), abs=1e-6)
    assert tree_sha256(theirs.path) == before


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (None, "is not there"),
        ("print('hello')\n", "has no function select_model"),
        ("def select_model(args device):\n", "is no Python"),
        ("def select_model(args, device):\n    return build(args)\n", "has no ids"),
    ],
)
def test_a_folder_that_is_no_clone_costs_one_line(
    harness: Harness, tmp_path: Path, script: str | None, complaint: str
) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    if script is not None:
        (clone / "test_demo.py").write_text(script)
    done = harness.run("--submission", str(clone))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert complaint in done.stderr
    assert not harness.results.exists()


def test_a_clone_chooses_its_own_checkpoint(run: Run) -> None:
    done = run.harness.run(
        "--submission", str(run.clone), "--checkpoint", "x.pth", "--model_id", "0"
    )
    assert done.returncode == 2
    assert "chooses its own checkpoint" in done.stderr
