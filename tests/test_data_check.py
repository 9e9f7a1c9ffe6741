"""Every defect that `python -m esr data check` names, made and found."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_sets import NAMES, bicubic, other_colors, photograph, write_set
from harness import write_image
from PIL import Image as Pillow

from esr.base.errors import UserError
from esr.challenge.protocol import protocols
from esr.datasets.checking.check_set import check_set
from esr.datasets.checking.data_findings import DEFECTS, NOTES, DataFinding
from esr.datasets.data_command import main
from esr.datasets.image_folders import find_sets
from esr.datasets.manifest import MANIFEST
from esr.datasets.splits import DataRequest, find_splits
from esr.datasets.staging import stage
from esr.images.metrics import METRICS

FIRST = NAMES[0]


def _check(folder: Path, scale: int = 4) -> list[DataFinding]:
    return [one for found in find_sets(folder, scale) for one in check_set(found, {}).findings]


def _lr(folder: Path, name: str = FIRST) -> Path:
    return folder / "LR_bicubic" / "X4" / f"{name}x4.png"


def _hr(folder: Path, name: str = FIRST) -> Path:
    return folder / "HR" / f"{name}.png"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    write_set(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_good_set_has_no_defect(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(mine) == []
    assert main(["check", str(mine)]) == 0
    printed = capsys.readouterr().out
    assert "every LR is MATLAB's bicubic of its HR, bit for bit" in printed
    assert printed.endswith("0 defects, 0 notes\n")


def test_only_the_sets_that_are_named_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Mine", "Yours"):
        write_set(tmp_path / name)
    _lr(tmp_path / "Yours").unlink()
    assert main(["check", str(tmp_path)]) == 1
    assert main(["check", str(tmp_path), "--dataset", "Yours", "Yours"]) == 1
    assert capsys.readouterr().out.count("Yours x4") == 2
    assert main(["check", str(tmp_path), "--dataset", "Mine"]) == 0
    assert "Yours" not in capsys.readouterr().out
    assert main(["check", str(tmp_path), "--dataset", "mine"]) == 2
    said = capsys.readouterr().err
    assert "--dataset mine: no such data set" in said
    assert "did you mean Mine?" in said


def test_other_scales_beside_it_are_named(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "LR of x2, x3 is there too, not looked at: --scale 2, --scale 3"
    main(["check", str(mine)])
    assert "not looked at" not in capsys.readouterr().out
    for scale in (2, 3):
        shutil.copytree(mine / "LR_bicubic" / "X4", mine / "LR_bicubic" / f"X{scale}")
    (mine / "LR_bicubic" / "X8").mkdir()  # Without an image it is no scale.
    main(["check", str(mine)])
    assert line in capsys.readouterr().out
    main(["check", str(mine), "--scale", "2"])
    assert (
        "LR of x3, x4 is there too, not looked at: --scale 3, --scale 4" in capsys.readouterr().out
    )


def test_the_published_lr_of_the_test_sets_is_the_bicubic(shared: Path) -> None:
    findings = _check(shared / "data")
    assert {one.kind for one in findings if one.is_defect} == {"incomplete"}
    (incomplete,) = [one for one in findings if one.kind == "incomplete"]
    assert incomplete.detail == "13, but Urban100 has 100"
    assert {one.file.name for one in findings if one.kind == "grey"} == {
        "bridge.png",
        "bridgex4.png",
    }


@pytest.mark.parametrize("scale", [2, 3])
def test_other_scales(shared: Path, scale: int) -> None:
    for name in ("Set5", "Set14"):
        assert not any(one.is_defect for one in _check(shared / "data" / name, scale))


def _jpeg(image: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Pillow.open(file))


def _pillow(hr: np.ndarray, kernel: Pillow.Resampling) -> np.ndarray:
    size = hr.shape[1] // 4, hr.shape[0] // 4
    return np.asarray(Pillow.fromarray(hr).resize(size, kernel))


def _opencv(hr: np.ndarray, interpolation: int) -> np.ndarray:
    return cv2.resize(hr, (hr.shape[1] // 4, hr.shape[0] // 4), interpolation=interpolation)


def _noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


WRONG_LR: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], str, str]] = {
    "JPEG 90": (lambda hr, lr: _jpeg(lr, 90), "jpeg", "quality 90, 4:2:0"),
    "JPEG 75": (lambda hr, lr: _jpeg(lr, 75), "jpeg", "quality 75, 4:2:0"),
    "JPEG 95, colour kept": (lambda hr, lr: _jpeg(lr, 95, 0), "jpeg", "quality 95, 4:4:4"),
    "as in RTSR": (
        lambda hr, lr: _jpeg(_pillow(hr, Pillow.Resampling.BICUBIC), 90),
        "jpeg",
        "quality about",
    ),
    "Pillow": (
        lambda hr, lr: _pillow(hr, Pillow.Resampling.BICUBIC),
        "resampler",
        "Pillow bicubic",
    ),
    "Lanczos": (
        lambda hr, lr: _pillow(hr, Pillow.Resampling.LANCZOS),
        "resampler",
        "Pillow Lanczos",
    ),
    "OpenCV": (lambda hr, lr: _opencv(hr, cv2.INTER_CUBIC), "resampler", "OpenCV bicubic"),
    "area": (lambda hr, lr: _opencv(hr, cv2.INTER_AREA), "resampler", "OpenCV area"),
    "nearest": (lambda hr, lr: hr[::4, ::4], "resampler", "nearest neighbour"),
    "an LR pixel": (lambda hr, lr: np.roll(lr, 1, 1), "shifted", "0 rows and 4 columns"),
    "HR pixels": (
        lambda hr, lr: bicubic(np.roll(hr, (2, -1), (0, 1))),
        "shifted",
        "2 rows and -1 columns",
    ),
    "mirrored": (lambda hr, lr: lr[:, ::-1], "turned", "left and right"),
    "upside down": (lambda hr, lr: lr[::-1], "turned", "upside down"),
    "BGR": (lambda hr, lr: lr[..., ::-1], "channels", "dB"),
    "another": (lambda hr, lr: bicubic(photograph("retina"))[::-1], "other_image", "dB"),
    "noise": (lambda hr, lr: _noisy(lr), "not_bicubic", "unknown resampler, or changed"),
    "too large": (lambda hr, lr: bicubic(hr, 2), "size", "128x96 px; x4 of HR needs 64x48"),
}


@pytest.mark.parametrize("name", WRONG_LR)
@pytest.mark.parametrize("picture", NAMES)
def test_lr_that_is_not_the_bicubic_is_named(mine: Path, name: str, picture: str) -> None:
    make, kind, says = WRONG_LR[name]
    hr = photograph(picture)
    write_image(_lr(mine, picture), np.ascontiguousarray(make(hr, bicubic(hr))))
    (finding,) = _check(mine)
    assert (finding.kind, finding.file) == (kind, _lr(mine, picture))
    assert finding.is_defect
    assert says in finding.detail


def test_the_psnr_is_that_of_lr_against_the_bicubic(mine: Path) -> None:
    lr = bicubic(photograph(FIRST))
    lr[::2] ^= 1
    write_image(_lr(mine), lr)
    (finding,) = _check(mine)
    # Half of the values are off by one: 10 log10(255^2 / 0.5).
    assert "PSNR against MATLAB's bicubic 51.14 dB" in finding.detail


def test_bicubic_of_other_programs_is_a_note(mine: Path) -> None:
    hr = photograph(FIRST)
    padded = np.pad(hr, ((32, 32), (32, 32), (0, 0)), mode="edge")
    write_image(_lr(mine), bicubic(padded)[8:-8, 8:-8])
    (finding,) = _check(mine)
    assert (finding.kind, finding.is_defect) == ("border", False)


def test_the_authors_lr_of_mdrn_would_be_a_note(mine: Path) -> None:
    """One rounding in the end: the definition computed densely in float64."""
    hr = photograph(FIRST).astype(np.float64)
    weights = [np.zeros((side // 4, side)) for side in hr.shape[:2]]
    for matrix in weights:
        for output, row in enumerate(matrix):
            for tap in range(4 * output - 6, 4 * output + 10):
                x = abs(tap - (4 * output + 1.5)) / 4
                value = (1.5 * x - 2.5) * x * x + 1 if x <= 1 else ((2.5 - 0.5 * x) * x - 4) * x + 2
                inside = tap % (2 * row.size)
                row[min(inside, 2 * row.size - 1 - inside)] += value / 4
    lr = np.einsum("ih,hwc,jw->ijc", weights[0], hr, weights[1])
    write_image(_lr(mine), np.clip(np.round(lr), 0, 255).astype(np.uint8))
    (finding,) = _check(mine)
    assert (finding.kind, finding.is_defect) == ("rounding", False)


def test_a_jpeg_file_is_named_whatever_its_suffix(mine: Path) -> None:
    lr = Pillow.fromarray(bicubic(photograph(FIRST)))
    lr.save(_lr(mine), "JPEG", quality=92)
    (finding,) = _check(mine)
    assert (finding.kind, "quality 92" in finding.detail) == ("jpeg", True)
    Pillow.fromarray(np.full((48, 64, 3), 128, np.uint8)).save(_lr(mine), "JPEG", quality=100)
    write_image(_hr(mine), np.full((192, 256, 3), 128, np.uint8))
    (flat,) = _check(mine)
    assert flat.kind == "jpeg"


@pytest.mark.parametrize("which", ["hr", "lr"])
@pytest.mark.parametrize("kind", ["no image", "truncated", "empty"])
def test_what_cannot_be_decoded(
    mine: Path, which: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = _hr(mine) if which == "hr" else _lr(mine)
    good = path.read_bytes()
    path.write_bytes({"no image": b"no image", "truncated": good[:-500], "empty": b""}[kind])
    (finding,) = _check(mine)
    assert (finding.kind, finding.file) == ("unreadable", path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("dtype", [np.uint16, "rgba"])
def test_a_mode_that_an_evaluation_refuses(mine: Path, dtype: object) -> None:
    hr = photograph(FIRST)
    alpha = np.full((*hr.shape[:2], 1), 255, np.uint8)
    write_image(
        _hr(mine),
        np.concatenate([hr, alpha], axis=2) if dtype == "rgba" else hr.astype(np.uint16) * 257,
    )
    (finding,) = _check(mine)
    assert (finding.kind, finding.file) == ("mode", _hr(mine))


def test_grey_images_and_an_hr_that_is_a_jpeg_are_notes(mine: Path) -> None:
    grey = cv2.cvtColor(photograph(FIRST), cv2.COLOR_RGB2GRAY)
    write_image(_hr(mine), grey)
    write_image(_lr(mine), bicubic(grey[..., None])[..., 0])
    other = _hr(mine, NAMES[1])
    hr = _jpeg(photograph(NAMES[1]), 95)
    Pillow.fromarray(photograph(NAMES[1])).save(other.with_suffix(".jpg"), "JPEG", quality=95)
    other.unlink()
    write_image(_lr(mine, NAMES[1]), bicubic(hr))
    found = _check(mine)
    assert sorted(one.kind for one in found) == ["grey", "grey", "hr_jpeg"]
    assert not any(one.is_defect for one in found)


def test_missing_partners_are_named(mine: Path) -> None:
    _lr(mine).unlink()
    _hr(mine, NAMES[1]).unlink()
    found = {one.kind: one.file.name for one in _check(mine)}
    assert found == {"missing_lr": f"{FIRST}.png", "missing_hr": f"{NAMES[1]}x4.png"}


def test_hr_alone_and_lr_alone(tmp_path: Path, mine: Path) -> None:
    shutil.copytree(mine / "HR", tmp_path / "alone" / "HR")
    assert {one.kind for one in _check(tmp_path / "alone")} == {"missing_lr"}
    shutil.copytree(_lr(mine).parent, tmp_path / "data" / "Other_LR")
    assert [one.kind for one in _check(tmp_path / "data")] == ["missing_hr"]


def test_a_test_set_whose_hr_is_not_public(
    tmp_path: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data" / "DIV2K_test_LR"
    folder.mkdir(parents=True)
    source = _lr(mine).read_bytes()
    for number in range(901, 1001):
        (folder / f"{number:04d}.png").write_bytes(source)
    assert main(["check", str(tmp_path / "data")]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "HR is not public evaluate DIV2K_valid" in printed
    assert "the same picture twice (99 files)" in printed


def test_duplicates_are_found_however_they_are_stored(mine: Path) -> None:
    hr = photograph(FIRST)
    Pillow.fromarray(hr).save(mine / "HR" / "copy.png", compress_level=1)
    write_image(_lr(mine, "copy"), bicubic(hr))
    (finding,) = _check(mine)
    assert (finding.kind, finding.file.name) == ("duplicate", "copy.png")
    assert finding.detail == f"the same as {FIRST}.png"


def test_leftovers_are_named_and_descriptions_are_not(mine: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", ".0801x4.png.12.part", "readme.txt", MANIFEST):
        (mine / "HR" / name).write_text("")
    found = _check(mine)
    assert {one.kind for one in found} == {"leftover"}
    assert sorted(one.file.name for one in found) == [
        ".0801x4.png.12.part",
        ".DS_Store",
        "Thumbs.db",
    ]


def test_names_that_cannot_be_told_apart_or_printed(mine: Path) -> None:
    write_image(mine / "HR" / f"{FIRST}.bmp", photograph(FIRST))
    (mine / "HR" / "red\x1b[31m.png").write_bytes(b"")
    details = {one.detail for one in _check(mine) if one.kind == "name"}
    assert details == {f"same name as {FIRST}.bmp", "cannot be printed"}


def test_another_number_of_images_than_the_set_has(mine: Path, tmp_path: Path) -> None:
    mine.rename(tmp_path / "Set5")
    (finding,) = _check(tmp_path / "Set5")
    assert (finding.kind, finding.detail) == ("incomplete", "3, but Set5 has 5")


def test_lr_of_hr_that_was_not_cropped_is_named(mine: Path) -> None:
    write_image(_hr(mine), photograph(FIRST, 190, 255))
    write_image(_lr(mine), bicubic(photograph(FIRST)))
    (finding,) = _check(mine)
    assert "not cropped to a multiple" in finding.detail


def test_a_manifest_is_written_kept_for_other_scales_and_compared(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(mine, scale=2)
    for scale in ("2", "4"):
        assert main(["check", str(mine), "--scale", scale, "--write_manifest"]) == 0
    assert len((mine / MANIFEST).read_text().splitlines()) == 3 * len(NAMES)
    assert main(["check", str(mine)]) == 0
    Pillow.open(_lr(mine)).save(_lr(mine), compress_level=1)
    _lr(mine, NAMES[1]).unlink()
    _hr(mine, NAMES[1]).unlink()
    write_set(mine, ("retina",))
    capsys.readouterr()
    assert main(["check", str(mine)]) == 1
    printed = capsys.readouterr().out
    for said in (
        f"{FIRST}x4.png: another file than named there",
        f"{NAMES[1]}.png: named there, but missing",
        "retina.png: not named there",
        "5 defects, 0 notes",
    ):
        assert said in printed
    assert main(["check", str(mine), "--scale", "2"]) == 1


def test_the_report_is_80_columns_wide_and_harmless(
    tmp_path: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    mine.rename(data / "x" if data.mkdir() else data / f"{'long ' * 20}set")
    (folder,) = data.iterdir()
    for number in range(12):
        write_image(folder / "HR" / f"{'n' * 100}{number}.png", photograph(FIRST))
    (folder / "HR" / "red\x1b[31m.png").write_bytes(b"")
    assert main(["check", str(data)]) == 1
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "\x1b" not in printed
    assert "and 4 more" in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "nowhere"], "nowhere: no such folder"),
        (["check", "empty"], "empty: no data set here"),
        (["check", "flat"], "move the images into flat/HR, LR into flat/LR_bicubic/X4"),
        (["prepare", "flat"], "move the images into flat/HR, LR into flat/LR_bicubic/X4"),
        (["check"], "see --help"),
        (["check", "empty", "--scale", "9"], "invalid choice"),
        (["frobnicate"], "invalid choice"),
        ([], "required"),
        (["list", "Set6"], "Set6: no such data set; known are DIV2K_valid"),
    ],
)
def test_mistakes_cost_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "0801.png").touch()
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert says in said


def test_what_is_known_is_listed_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert main(["list", "Set5", "DIV2K_LSDIR_test"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "licence        unknown" in printed
    assert "without HR     evaluate DIV2K_LSDIR_valid" in printed


def test_every_kind_has_a_headline() -> None:
    assert not DEFECTS.keys() & NOTES.keys()
    assert len({*DEFECTS.values(), *NOTES.values()}) == len(DEFECTS) + len(NOTES)


@pytest.mark.parametrize("side", ["HR", "LR", "both"])
def test_a_folder_of_other_formats_is_a_defect_with_its_files(
    mine: Path, capsys: pytest.CaptureFixture[str], side: str
) -> None:
    folders = {"HR": [mine / "HR"], "LR": [_lr(mine).parent]}
    folders["both"] = [*folders["HR"], *folders["LR"]]
    for folder in folders[side]:
        for path in folder.iterdir():
            path.rename(path.with_suffix(".webp"))
    found = _check(mine)
    assert [one.file for one in found if one.kind == "no_images"] == folders[side]
    # Three files a side, each of them named.
    strays = {one.file for one in found if one.kind == "leftover"}
    assert strays == {path for folder in folders[side] for path in folder.iterdir()}
    assert main(["check", str(mine)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    first = f"{FIRST}.webp" if side != "LR" else f"{FIRST}x4.webp"
    assert f"it holds {first}, " in printed
    assert "but no .png, .bmp, .jpg or .jpeg" in printed
    assert f"{first}: an image of a format that is not looked for: save it as PNG" in printed


@pytest.mark.parametrize("name", ["a.tif", "a.heic", "a.jxl", "a.ppm"])
def test_strays_are_listed_on_both_sides(mine: Path, name: str) -> None:
    for folder in (mine / "HR", _lr(mine).parent):
        (folder / name).write_bytes(b"x")
    found = [one for one in _check(mine) if one.kind == "leftover"]
    assert [one.file for one in found] == [mine / "HR" / name, _lr(mine).parent / name]
    assert all("save it as PNG" in one.detail for one in found)


@pytest.mark.parametrize(
    ("scale", "height", "width", "kind"),
    [
        # PSNR leaves out x4 = 4 px on each side, and needs 1 more: 2 * 4 + 1 = 9.
        (4, 4, 4, "too_small"),
        (4, 8, 8, "too_small"),
        (4, 8, 200, "too_small"),
        (4, 11, 11, "too_small"),  # Cropped to 8.
        (2, 4, 4, "too_small"),  # 2 * 2 + 1 = 5.
        (3, 6, 60, "too_small"),  # 2 * 3 + 1 = 7.
        # SSIM needs a window of 11: 2 * 4 + 11 = 19, and 2 * 2 + 11 = 15.
        (4, 12, 12, "small"),
        (4, 16, 16, "small"),
        (2, 14, 14, "small"),
    ],
)  # fmt: skip
def test_too_small_by_the_rule_of_an_evaluation(
    tmp_path: Path, scale: int, height: int, width: int, kind: str
) -> None:
    hr = photograph(FIRST)[:height, :width]
    write_image(tmp_path / "one" / "HR" / "a.png", hr)
    write_image(tmp_path / "one" / "LR" / "a.png", bicubic(hr, scale))
    request = DataRequest(tmp_path / "one")
    (split,) = find_splits(request, protocols()["ntire2022" if scale == 4 else "ntire2026"], scale)
    refused = {}
    for metric in ("psnr", "ssim"):
        try:
            stage(split, tmp_path / metric, METRICS[metric].window_px)
        except UserError as error:
            refused[metric] = error.what
    (finding,) = [one for one in _check(tmp_path / "one", scale) if "small" in one.kind]
    assert finding.kind == kind == {2: "too_small", 1: "small"}[len(refused)]
    assert finding.is_defect == ("psnr" in refused)
    number = refused["psnr" if kind == "too_small" else "ssim"].split()[-2]
    assert f"both sides need {number} px" in finding.detail


def test_one_pixel_is_refused_by_both(tmp_path: Path) -> None:
    for side in ("HR", "LR"):
        write_image(tmp_path / "one" / side / "a.png", np.zeros((1, 1, 3), np.uint8))
    (split,) = find_splits(DataRequest(tmp_path / "one"), protocols()["ntire2022"], 4)
    with pytest.raises(UserError, match=r"x4 of a\.png needs 0x0"):
        stage(split, tmp_path / "staged", 1)
    (finding,) = _check(tmp_path / "one")
    assert (finding.kind, finding.is_defect) == ("size", True)


@pytest.mark.parametrize("side", ["HR", "LR"])
@pytest.mark.parametrize("kind", ["CMYK JPEG", "YCCK JPEG", "CMYK TIFF", "Lab TIFF"])
def test_colors_that_are_no_rgb_are_defects(mine: Path, side: str, kind: str) -> None:
    path = _hr(mine) if side == "HR" else _lr(mine)
    path.write_bytes(other_colors(kind, Pillow.open(path)))
    found = {one.file: one for one in _check(mine)}
    assert found[path].kind == "mode"
    colors, stored = kind.split()
    assert f"a {stored} image in " in found[path].detail
    assert f"{colors} colors, not RGB" in found[path].detail


@pytest.mark.parametrize("kind", ["WebP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("side", ["HR", "LR"])
def test_a_format_that_the_name_hides_is_a_note(mine: Path, kind: str, side: str) -> None:
    path = _hr(mine) if side == "HR" else _lr(mine)
    image = Pillow.open(path).convert("RGB")
    options = {"lossless": True} if kind == "WebP" else {}
    if kind == "GIF":  # 256 colours at most, so that nothing is lost.
        image = Pillow.fromarray(np.asarray(image)[..., :1].repeat(3, 2))
        write_image(
            _hr(mine), np.asarray(Pillow.open(_hr(mine)).convert("RGB"))[..., :1].repeat(3, 2)
        )
        write_image(_lr(mine), bicubic(np.asarray(Pillow.open(_hr(mine)).convert("RGB"))))
        image = Pillow.open(path).convert("L")
    buffer = io.BytesIO()
    image.save(buffer, kind.upper(), **options)
    path.write_bytes(buffer.getvalue())
    (finding,) = [one for one in _check(mine) if one.kind != "grey"]
    assert (finding.kind, finding.file, finding.is_defect) == ("other_format", path, False)
    assert finding.detail == f"a {kind.upper()} file"


def test_names_that_can_be_paired_in_two_ways_are_a_defect(mine: Path) -> None:
    shutil.copy(_lr(mine), _lr(mine).with_name(f"{FIRST}.png"))
    (finding,) = _check(mine)
    assert (finding.kind, finding.is_defect) == ("name", True)
    assert (
        f"{FIRST}.png with LR {FIRST}x4.png; or {FIRST}.png with LR {FIRST}.png" in finding.detail
    )
