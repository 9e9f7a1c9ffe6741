"""`python -m esr data prepare` against the LR images that are published."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_sets import bicubic, photograph, write_set
from harness import PATIENCE_S, Harness, write_image

from esr.datasets.data_command import main
from esr.datasets.image_folders import list_images


def _pixels(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_published_lr_of_set5_comes_out(shared: Path, tmp_path: Path, scale: int) -> None:
    source = shared / "data" / "Set5"
    shutil.copytree(source / "HR", tmp_path / "Set5" / "HR")
    assert main(["prepare", str(tmp_path), "--scale", str(scale)]) == 0
    made = tmp_path / "Set5" / "LR_bicubic" / f"X{scale}"
    published = list_images(source / "LR_bicubic" / f"X{scale}")
    assert [path.name for path in list_images(made)] == [path.name for path in published]
    for path in published:
        assert np.array_equal(_pixels(made / path.name), _pixels(path))
    assert main(["check", str(tmp_path), "--scale", str(scale)]) == 0


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("HR", "LR_bicubic/X4/ax4.png"),
        ("mine/HR", "mine/LR_bicubic/X4/ax4.png"),
        ("mine_HR", "mine_LR/ax4.png"),
        ("mine/GTmod12", "mine/LRbicx4/ax4.png"),
    ],
)
def test_lr_lies_where_an_evaluation_looks(tmp_path: Path, hr: str, lr: str) -> None:
    write_image(tmp_path / hr / "a.png", photograph("coffee"))
    assert main(["prepare", str(tmp_path)]) == 0
    assert np.array_equal(_pixels(tmp_path / lr)[..., ::-1], bicubic(photograph("coffee")))


def test_hr_is_cropped_as_an_evaluation_crops_it_and_not_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hr = photograph("coffee", 191, 254)
    write_image(tmp_path / "HR" / "a.png", hr)
    before = (tmp_path / "HR" / "a.png").read_bytes()
    assert main(["prepare", str(tmp_path)]) == 0
    assert (tmp_path / "HR" / "a.png").read_bytes() == before
    made = _pixels(tmp_path / "LR_bicubic" / "X4" / "ax4.png")[..., ::-1]
    assert np.array_equal(made, bicubic(hr[:188, :252]))
    assert "1 HR images were cropped at the bottom and at the right" in capsys.readouterr().out


def test_what_is_there_is_kept_and_what_lacks_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path)
    lr = tmp_path / "LR_bicubic" / "X4"
    mine = lr / "coffeex4.png"
    write_image(mine, _pixels(mine) // 2)
    before = {path.name: path.read_bytes() for path in list_images(lr)}
    (lr / "rocketx4.png").unlink()
    (lr / ".rocketx4.png.77.part").write_bytes(b"half of it")
    assert main(["prepare", str(tmp_path)]) == 0
    assert "1 LR images made, 2 were there" in capsys.readouterr().out
    after = {path.name: path.read_bytes() for path in list_images(lr)}
    assert after.keys() == before.keys()
    assert after["coffeex4.png"] == before["coffeex4.png"]


def test_another_scale_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    write_image(tmp_path / "mine_HR" / "a.png", photograph("coffee"))
    assert main(["prepare", str(tmp_path)]) == 0
    assert main(["prepare", str(tmp_path), "--scale", "2"]) == 0
    assert (tmp_path / "mine_LR" / "ax4.png").is_file()
    assert (tmp_path / "mine_LR_bicubic" / "X2" / "ax2.png").is_file()
    for scale in ("2", "4"):
        assert main(["check", str(tmp_path), "--scale", scale]) == 0


def test_lr_of_another_size_under_the_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path, ("coffee",))
    lr = tmp_path / "LR_bicubic" / "X4" / "coffeex4.png"
    write_image(lr, photograph("coffee"))
    before = lr.read_bytes()
    assert main(["prepare", str(tmp_path)]) == 2
    assert "is there already, but is not x4 of coffee.png; move it away" in capsys.readouterr().err
    assert lr.read_bytes() == before


def test_a_damaged_hr_image_is_named_and_the_rest_can_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "HR" / "a.png", photograph("coffee"))
    (tmp_path / "HR" / "b.png").write_bytes(b"no image")
    assert main(["prepare", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), "b.png: damaged, or not an image" in said) == (1, True)
    (tmp_path / "HR" / "b.png").unlink()
    assert main(["prepare", str(tmp_path)]) == 0
    assert len(list_images(tmp_path / "LR_bicubic" / "X4")) == 1


def test_lr_alone_cannot_be_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "mine_LR" / "ax4.png", photograph("coffee"))
    assert main(["prepare", str(tmp_path)]) == 2
    assert "no HR images to make LR from" in capsys.readouterr().err


def test_a_run_that_was_killed_goes_on(root: Path, tmp_path: Path) -> None:
    for number in range(60):
        write_image(tmp_path / "HR" / f"{number:02d}.png", photograph("coffee", 320, 480))
    command = [sys.executable, "-m", "esr", "data", "prepare", str(tmp_path)]
    lr = tmp_path / "LR_bicubic" / "X4"
    running = subprocess.Popen(command, cwd=root)
    until = time.monotonic() + PATIENCE_S
    while running.poll() is None and time.monotonic() < until:
        if lr.is_dir() and list_images(lr):
            break
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    expected = bicubic(photograph("coffee", 320, 480))
    for path in list_images(lr):
        assert np.array_equal(_pixels(path)[..., ::-1], expected)
    assert subprocess.run(command, cwd=root, check=False).returncode == 0
    assert len(list_images(lr)) == 60


def test_an_evaluation_of_hr_alone_says_it_and_then_works(harness: Harness) -> None:
    data = harness.path / "mine"
    write_image(data / "HR" / "a.png", photograph("coffee"))
    done = harness.run("--data_dir", str(data))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"make them: python -m esr data prepare {data} --scale 4" in done.stderr
    assert main(["prepare", str(data)]) == 0
    assert harness.run("--data_dir", str(data)).returncode == 0
    assert len(harness.record("00_Tiny")["splits"][0]["data_sha256"]) == 64
