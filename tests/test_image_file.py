"""Image files: what is written is read again, and no bad file gets through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import utils.utils_image as util
from esr.base.errors import UserError


@pytest.mark.parametrize("name", ["plain.png", "with space.bmp", "größe 写真.png", "a.ppm"])
def test_what_imsave_writes_imread_uint_reads(tmp_path: Path, name: str) -> None:
    img = np.random.default_rng(7).integers(0, 256, (13, 17, 3), dtype=np.uint8)
    util.imsave(img, tmp_path / name)
    assert np.array_equal(util.imread_uint(str(tmp_path / name)), img)
    assert np.array_equal(np.asarray(Image.open(tmp_path / name).convert("RGB")), img)


def test_grey_files_become_three_equal_channels_or_one(tmp_path: Path) -> None:
    grey = np.random.default_rng(8).integers(0, 256, (13, 17, 1), dtype=np.uint8)
    util.imsave(grey, tmp_path / "grey.png")
    assert Image.open(tmp_path / "grey.png").mode == "L"
    assert np.array_equal(util.imread_uint(tmp_path / "grey.png"), grey.repeat(3, axis=2))
    assert np.array_equal(util.imread_uint(tmp_path / "grey.png", n_channels=1), grey)


def test_colour_read_as_grey_is_its_luma(tmp_path: Path) -> None:
    img = np.random.default_rng(9).integers(0, 256, (13, 17, 3), dtype=np.uint8)
    util.imsave(img, tmp_path / "rgb.png")
    grey = util.imread_uint(tmp_path / "rgb.png", n_channels=1)
    assert grey.shape == (13, 17, 1)
    assert np.abs(grey[..., 0] - img @ np.array([0.299, 0.587, 0.114])).max() <= 1
    with pytest.raises(ValueError, match="n_channels"):
        util.imread_uint(tmp_path / "rgb.png", n_channels=4)


def _write_bad_files(folder: Path) -> None:
    rng = np.random.default_rng(10)
    rgb = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    rgb.convert("RGBA").save(folder / "rgba.png")
    rgb.convert("LA").save(folder / "grey_alpha.png")
    Image.fromarray(rng.integers(0, 65536, (9, 9)).astype(np.uint16)).save(folder / "deep.png")
    for name in ("cut.png", "cut.jpg", "cut.bmp"):
        rgb.save(folder / name)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) * 2 // 3])
    rgb.save(folder / "flipped.png")
    data = bytearray((folder / "flipped.png").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / "flipped.png").write_bytes(data)
    (folder / "empty.png").write_bytes(b"")
    (folder / "huge.ppm").write_bytes(b"P6 99999 99999 255\n")
    (folder / "text.png").write_text("this is no image")
    (folder / "folder.png").mkdir()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.png", "cannot be read (No such file"),
        ("folder.png", "cannot be read (Is a directory)"),
        ("rgba.png", "alpha channel; save it as plain RGB"),
        ("grey_alpha.png", "alpha channel; save it as plain RGB"),
        ("deep.png", "a 16-bit image, not 8-bit; convert it"),
        *((name, "damaged, or not an image; copy or download it again") for name in (
            "cut.png", "cut.jpg", "cut.bmp", "flipped.png", "empty.png", "huge.ppm", "text.png")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("n_channels", [3, 1])
def test_a_bad_file_is_one_line_with_its_name(
    tmp_path: Path, name: str, says: str, n_channels: int
) -> None:
    _write_bad_files(tmp_path)
    with pytest.raises(UserError) as caught:
        util.imread_uint(tmp_path / name, n_channels)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_imsave_does_not_keep_silent(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        util.imsave(np.zeros((4, 4, 3), np.uint8), tmp_path / "absent" / "a.png")


def test_image_paths_are_sorted_and_recursive(tmp_path: Path) -> None:
    util.mkdirs([tmp_path / "b", str(tmp_path / "a" / "deep")])
    util.mkdir(tmp_path / "b")
    for name in ("b/1.PNG", "a/deep/2.jpg", "a/notes.txt", "0.bmp"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    expected = [str(tmp_path / name) for name in ("0.bmp", "a/deep/2.jpg", "b/1.PNG")]
    assert util.get_image_paths(tmp_path) == expected
    assert util.get_image_paths(None) is None
    for folder in (tmp_path / "folder.png", tmp_path / "absent"):
        with pytest.raises(UserError, match="no image in this folder"):
            util.get_image_paths(folder)
