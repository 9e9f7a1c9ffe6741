"""Data and arguments that cannot be used: status 2, one line, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_sets import other_colors
from harness import Harness, nearest_state, smooth_image, tiny, write_image, write_pairs
from PIL import Image as Pillow

from esr.datasets.checking.check_set import check_set
from esr.datasets.image_folders import OWN, find_set


def _refused(harness: Harness, *arguments: str) -> str:
    """Run, make sure that it was refused in one line, and return that line."""
    done = harness.run(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def _demo(harness: Harness) -> tuple[Path, Path]:
    demo = harness.path / "data" / "demo"
    return demo / "LR_bicubic" / "X4" / "ax4.png", demo / "HR" / "a.png"


def test_a_network_without_an_id_is_told_so_wherever_it_is_looked_for(harness: Harness) -> None:
    (harness.path / "models" / "TinyNet.py").write_text(tiny())
    told = "models/TinyNet.py is no submission: rename it team"
    assert f"{told}42_TinyNet.py" in _refused(harness, "--check", "--model_id", "42")
    listed = harness.run("--list")
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[-1] == f"{told}[ID]_TinyNet.py"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model_id", "7"], ("--model_id 7", "no submission has this id", "there are: 0")),
        (["--model_id", "-1"], ("--model_id -1", "no submission")),
        (["--model_id", "seven"], ("--model_id seven", "no submission has this name", "--list")),
        (["--model_id", "tinny"], ("--model_id tinny", "did you mean 00_Tiny?")),
        (["--model_id", "0,1"], ("--model_id 0,1", "separate several by spaces")),
        (["--checkpoint", "x.pth", "--model_id", "*"], ("no such checkpoint file",)),
        (["--checkpoint", "nowhere.pth"], ("--checkpoint nowhere.pth", "no such checkpoint")),
        (["--check", "--list"], ("--check: cannot be combined with --list",)),
        (["--form", "deploy"], ("--form deploy", "00_Tiny has no such form")),
        (["--data_dir", "nowhere"], ("--data_dir nowhere", "no such folder")),
        (["--dataset", "Set5"], ("--dataset Set5", "no such data set")),
        (["--device", "tpu"], ("--device tpu", "is none of auto, cuda, cpu")),
        (["--device", "cuda:x"], ("'cuda:x' is no device",)),
        (["--include_test"], ("--include_test", "needs the folders of the challenge")),
        (["--metrics", "vmaf"], ("vmaf", "psnr", "ssim")),
        (["--device", "cuda:99"], ("--device cuda:99", "no such device", "use --device cpu")),
        (["--timeout", "0"], ("'0' is no positive number",)),
        (["--timeout", "nan"], ("'nan' is no positive number",)),
        (["--protocol", "ntire1999"], ("ntire1999", "ntire2024")),
        (["--no_such_flag"], ("unrecognized arguments: --no_such_flag", "--help")),
        (["--modelid", "0"], ("unrecognized arguments: --modelid 0", "did you mean --model_id?")),
        (["--model-id=0"], ("did you mean --model_id?",)),
        (["--Include_Test", "--sim"], ("did you mean --include_test and --ssim?",)),
        (["--metrics", "SSIM"], ("--metrics", "'SSIM'", "did you mean ssim?")),
        (["--protocol", "2025"], ("'2025'", "did you mean ntire2025 or ntire2025_dn50 or ")),
        (["--submission", "https://x.org/y"], ("clone it first: git clone https://x.org/y,",)),
        (["--submission", "git@x.org:y.git"], ("clone it first: git clone git@x.org:y.git,",)),
        (["--submission", "github.com/x/y"], ("clone it first: git clone https://github.com/x/y",)),
        (["--data_dir", "https://x.org/y.zip"], ("https://x.org/y.zip: an address", "download")),
        (["--save_dir", "s3://x/y"], ("s3://x/y: an address",)),
    ],
)
def test_a_bad_argument(harness: Harness, arguments: list[str], says: tuple[str, ...]) -> None:
    line = _refused(harness, *arguments)
    for text in says:
        assert text in line
    assert not (harness.results / "records").exists() or not any(harness.results.glob("records/*"))


@pytest.mark.parametrize("ids", [["0", "1"], ["all"], ["*"], ["tiny", "Other"]])
def test_a_checkpoint_fits_one_submission(harness: Harness, ids: list[str]) -> None:
    harness.add("team01_Other")
    line = _refused(harness, "--checkpoint", "x.pth", "--model_id", *ids)
    assert "--checkpoint: fits one submission" in line


def test_sets_in_a_folder_are_named(harness: Harness) -> None:
    for name in ("Set5", "Urban100"):
        write_pairs(harness.path / "sets" / name)
    (harness.path / "sets" / "papers").mkdir()
    data = ("--data_dir", str(harness.path / "sets"))
    assert _refused(harness, *data).endswith("it holds other sets: --dataset Set5 Urban100")
    assert _refused(harness, *data, "--dataset", "set5").endswith("did you mean Set5?")
    assert _refused(harness, *data, "--dataset", "urban").endswith("did you mean Urban100?")
    assert "did you mean" not in _refused(harness, *data, "--dataset", "B100")


@pytest.mark.parametrize("lr_name", ["{}x4", "{}"])
def test_swapped_folders_are_named(harness: Harness, lr_name: str) -> None:
    folder = harness.path / "swapped"
    write_pairs(folder, ("a", "b"))
    lr = folder / "LR_bicubic" / "X4"
    for name in ("a", "b"):
        (lr / f"{name}x4.png").rename(lr / f"{lr_name.format(name)}.png")
    lr.rename(folder / "small")
    (folder / "LR_bicubic").rmdir()
    (folder / "HR").rename(folder / "LR")
    (folder / "small").rename(folder / "HR")
    line = _refused(harness, "--data_dir", str(folder))
    # write_pairs: LR of a is 20 x 24 pixels, HR four times as large.
    assert f"HR and LR are swapped: {lr_name.format('a')}.png here is 20x24 px, a.png in" in line
    assert line.endswith("is 80x96 px; exchange the two folders")
    set_folder = find_set(folder, OWN, 4)
    kinds = {finding.kind for finding in check_set(set_folder, {}).findings}
    assert "swapped" in kinds


def test_hr_without_lr(harness: Harness) -> None:
    lr, _ = _demo(harness)
    lr.unlink()
    assert "HR without LR: expected ax4.png" in _refused(harness)


def test_lr_without_hr(harness: Harness) -> None:
    _, hr = _demo(harness)
    hr.unlink()
    line = _refused(harness)
    assert "LR without HR" in line
    assert "ax4.png" in line


def test_sizes_that_do_not_match(harness: Harness) -> None:
    lr, _ = _demo(harness)
    write_image(lr, smooth_image(24, 21))
    line = _refused(harness)
    assert str(lr) in line
    assert "LR is 21x24 px; x4 of a.png needs 20x24" in line


@pytest.mark.parametrize("which", ["LR", "HR"])
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("rgba", "alpha channel"),
        ("16-bit", "16-bit"),
        ("truncated", "damaged"),
        ("text", "not an image"),
    ],
)
def test_an_image_that_is_no_8_bit_rgb(harness: Harness, which: str, kind: str, says: str) -> None:
    path = _demo(harness)[which == "HR"]
    good = path.read_bytes()
    height, width = cv2.imread(str(path)).shape[:2]
    if kind == "rgba":
        write_image(path, np.zeros((height, width, 4), np.uint8))
    elif kind == "16-bit":
        write_image(path, np.zeros((height, width, 3), np.uint16))
    elif kind == "corrupt":
        middle = len(good) // 2
        path.write_bytes(good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :])
    else:
        path.write_bytes(good[: len(good) // 2] if kind == "truncated" else b"no image")
    line = _refused(harness)
    assert str(path) in line
    assert says in line


def test_several_bad_images_are_counted(harness: Harness) -> None:
    for path in _demo(harness):
        path.write_bytes(b"no image")
    write_pairs(harness.path / "data" / "demo", ("c",))
    _demo(harness)[0].write_bytes(b"")
    for path in (harness.path / "data" / "demo" / "HR").iterdir():
        path.write_bytes(b"")
    assert "(2 more images like this)" in _refused(harness)


def test_a_grey_image_counts_as_three_equal_channels(harness: Harness) -> None:
    lr, hr = _demo(harness)
    for path in (lr, hr):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        write_image(path, grey)
    assert harness.run().returncode == 0
    assert float(harness.rows()["00_Tiny"]["Val PSNR"]) > 20


@pytest.mark.parametrize("folder", ["HR", "LR_bicubic/X4"])
def test_an_empty_folder(harness: Harness, folder: str) -> None:
    place = harness.path / "data" / "demo" / folder
    for path in place.iterdir():
        path.unlink()
    line = _refused(harness)
    assert str(place) in line
    assert "empty folder" in line


@pytest.mark.parametrize("folder", ["HR", "LR_bicubic/X4"])
@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("a.webp",), "it holds a.webp, but no .png, .bmp, .jpg or .jpeg"),
        (("a.tif", "b.tif", "c.tif", "d.tif", "e.tif"), "it holds a.tif, b.tif, c.tif and 2 more, but no"),
        (("images/a.png",), "it holds only folders: images; the images must lie in it itself"),
        ((".a.png",), "it holds .a.png, but no .png, .bmp, .jpg or .jpeg that is not hidden"),
        (("a.npy",), "it holds a.npy, but no"),
    ],
)  # fmt: skip
def test_a_folder_without_images_is_not_called_empty(
    harness: Harness, folder: str, files: tuple[str, ...], says: str
) -> None:
    place = harness.path / "data" / "demo" / folder
    for path in place.iterdir():
        path.unlink()
    for name in files:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"x")
    line = _refused(harness)
    assert str(place) in line
    assert says in line
    assert "empty" not in line


@pytest.mark.parametrize("protocol", ["ntire2024", "rtsr2023"])
@pytest.mark.parametrize("kind", ["CMYK JPEG", "YCCK JPEG"])
def test_a_jpeg_in_other_colors_is_refused_by_name(
    harness: Harness, protocol: str, kind: str
) -> None:
    data = harness.path / "data" / "mine"
    lr, hr = data / "LR2" / "a.jpg", data / "GT" / "a.png"
    write_image(hr, smooth_image(48, 40))
    if protocol == "ntire2024":
        lr = data / "LR" / "a.jpg"
        hr.parent.rename(data / "HR")
    harness.add("team00_Tiny", sidecar="scale = 2\n", state=nearest_state(2))
    lr.parent.mkdir()
    lr.write_bytes(other_colors(kind, Pillow.new("RGB", (20, 24), (200, 30, 90))))
    line = _refused(harness, "--data_dir", str(data), "--protocol", protocol)
    assert str(lr) in line
    colors = kind.split()[0]
    assert f"a JPEG image in {colors} colors, not RGB; convert it to RGB" in line


def test_hr_named_like_an_lr_image_is_measured(harness: Harness) -> None:
    # Named a.png and ax4.png in both folders: 20x24 and 21x24 px in LR, so the other pairing fails.
    demo = harness.path / "data" / "demo"
    (demo / "HR" / "b.png").rename(demo / "HR" / "ax4.png")
    lr = demo / "LR_bicubic" / "X4"
    (lr / "ax4.png").rename(lr / "a.png")
    (lr / "bx4.png").rename(lr / "ax4.png")
    done = harness.run()
    assert done.returncode == 0, done.stderr
    names = [image["name"] for image in harness.record("00_Tiny")["splits"][0]["images"]]
    assert names == ["a.png", "ax4.png"]


def test_no_official_set(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    line = _refused(harness, "--data_dir", str(tmp_path / "data"))
    assert "expected a folder DIV2K_LSDIR_valid_HR or DIV2K_valid_HR" in line


def test_a_save_dir_that_cannot_be_written(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here first")
    line = _refused(harness, "--save_dir", str(tmp_path / "file" / "results"))
    assert "--save_dir" in line
    assert (tmp_path / "file").read_text() == "here first"


def test_a_damaged_result_is_not_overwritten(harness: Harness) -> None:
    path = harness.results / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"half": ')
    line = _refused(harness)
    assert str(path) in line
    assert "move the file away" in line
    assert path.read_text() == '{"half": '


def test_a_record_that_cannot_be_read_is_one_row_and_the_others_stand(harness: Harness) -> None:
    assert harness.run().returncode == 0
    records = harness.results / "records"
    good = (records / "00_Tiny.json").read_text()
    contents = {
        "07_Half": ('{"half": ', "does not hold what it should"),
        "08_Newer": (good.replace('"schema": 2', '"schema": 999'), "written by version 999"),
        "09_Copy": (good, "is a record under another name than its label"),
    }
    for label, (text, _) in contents.items():
        (records / f"{label}.json").write_text(text)
    harness.add("team01_Other")
    assert harness.run("--model_id", "1").returncode == 0
    rows = harness.rows()
    assert {label for label, row in rows.items() if row["Val PSNR"]} == {"00_Tiny", "01_Other"}
    for label, (text, reason) in contents.items():
        assert reason in rows[label]["Reason"]
        assert f"{label}.json" in rows[label]["Reason"]
        assert (records / f"{label}.json").read_text() == text


def test_a_record_that_cannot_be_read_is_kept_when_it_is_measured_again(harness: Harness) -> None:
    path = harness.results / "records" / "00_Tiny.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"half": ')
    assert harness.run().returncode == 0
    assert harness.record("00_Tiny")["label"] == "00_Tiny"
    assert (path.parent / "unreadable" / path.name).read_text() == '{"half": '


def test_results_of_other_models_stay(harness: Harness) -> None:
    harness.results.mkdir()
    other = {"valid_ave_psnr": 26.96, "valid_ave_runtime": 1.5, "flops": 2.0}
    (harness.results / "results.json").write_text(json.dumps({"30_Elsewhere": other}))
    assert harness.run().returncode == 0
    assert json.loads((harness.results / "results.json").read_text())["30_Elsewhere"] == other
    assert "30_Elsewhere" in (harness.results / "results.txt").read_text()


def test_difficult_folder_names(harness: Harness, tmp_path: Path) -> None:
    data = tmp_path / "with space" / "DIV2K_HR_all" / "set.png" / "Bilder \u00fc"
    write_pairs(data / "My_HR set.png")
    save_dir = tmp_path / "out set.png" / "Ergebnisse \u00fc"
    done = harness.run(
        "--data_dir", str(data), "--dataset", "My_HR set.png", "--save_dir", str(save_dir)
    )
    assert done.returncode == 0, done.stderr
    assert harness.rows(save_dir)["00_Tiny"]["Val set"] == "My_HR set.png"


def test_debug_shows_the_traceback(harness: Harness) -> None:
    done = harness.run("--debug", "--data_dir", "nowhere")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("names", [["test"], ["Set5", "Set5"], ["../demo"]])
def test_a_name_that_cannot_be_a_data_set(harness: Harness, names: list[str]) -> None:
    write_pairs(harness.path / "data" / "Set5")
    line = _refused(harness, "--data_dir", str(harness.path / "data"), "--dataset", *names)
    assert f"--dataset {names[-1]}" in line


def test_an_image_too_small_to_be_scored(harness: Harness) -> None:
    write_image(_demo(harness)[0], smooth_image(4, 4))
    write_image(_demo(harness)[1], smooth_image(16, 16))
    assert harness.run().returncode == 0
    assert "too small to be scored: both sides need 19 px" in _refused(harness, "--ssim")
    write_image(_demo(harness)[0], smooth_image(2, 2))
    write_image(_demo(harness)[1], smooth_image(8, 8))
    assert "both sides need 9 px" in _refused(harness)


def test_two_lr_images_of_one_name(harness: Harness) -> None:
    lr, _ = _demo(harness)
    write_image(lr.with_suffix(".bmp"), smooth_image(24, 20))
    assert "has the same name as ax4.bmp" in _refused(harness)


@pytest.mark.parametrize("value", [3, None, [1]])
def test_a_results_file_of_another_kind_is_refused(harness: Harness, value: object) -> None:
    harness.results.mkdir()
    path = harness.results / "results.json"
    path.write_text(json.dumps({"x": value}))
    assert str(path) in _refused(harness)


def test_odd_values_in_somebody_elses_results_are_printed_as_they_are(harness: Harness) -> None:
    harness.results.mkdir()
    odd = {
        "valid_ave_psnr": "26",
        "num_conv": 64.0,
        "valid_ave_runtime": "x",
        "test_ave_runtime": 1,
    }
    (harness.results / "results.json").write_text(json.dumps({"x": odd}))
    assert harness.run().returncode == 0
    assert "64.0" in (harness.results / "results.txt").read_text()


def test_no_submission_at_all(harness: Harness) -> None:
    for path in (harness.path / "models").iterdir():
        path.unlink()
    assert "no submission in models/" in _refused(harness, "--model_id", "all")


def test_the_list_names_files_that_are_almost_submissions(harness: Harness) -> None:
    (harness.path / "models" / "42_MyNet.py").write_text("")
    (harness.path / "models" / "team43_Alone.toml").write_text("")
    printed = " ".join(harness.run("--list").stdout.split())
    assert "the name must be team[ID]_[Model].py" in printed
    assert "there is no team43_Alone.py" in printed
