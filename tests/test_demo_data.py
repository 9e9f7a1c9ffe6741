"""The shipped demo set: complete, small, and what data/README.md says it is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from data.make_demo import PHOTOGRAPHS, SCALES, crop_hr, make_demo
from esr.base.errors import UserError
from esr.images.official_image import calculate_psnr, modcrop
from esr.images.resample import imresize_uint8

NAMES = [photograph.name for photograph in PHOTOGRAPHS]
SHIPPED = Path(skimage.__file__).parent / "data"
"""The originals that scikit-image's wheel contains."""


def _read(root: Path, folder: str, name: str) -> np.ndarray:
    with Image.open(root / "data" / "demo" / folder / f"{name}.png") as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def test_the_folder_holds_the_pairs_of_the_table_and_nothing_else(root: Path) -> None:
    demo = root / "data" / "demo"
    files = {str(path.relative_to(demo)) for path in demo.rglob("*") if path.is_file()}
    lr = {f"LR_bicubic/X{scale}/{name}x{scale}.png" for name in NAMES for scale in (2, 3, 4)}
    assert files == lr | {f"HR/{name}.png" for name in NAMES}
    assert 8 <= len(NAMES) <= 12
    assert sum((demo / file).stat().st_size for file in files) < 6e6


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", NAMES)
def test_lr_is_matlab_bicubic_of_hr(root: Path, name: str, scale: int) -> None:
    hr = _read(root, "HR", name)
    lr = _read(root, f"LR_bicubic/X{scale}", f"{name}x{scale}")
    height, width = (side // scale for side in hr.shape[:2])
    assert lr.shape == (height, width, 3)
    assert np.array_equal(lr, imresize_uint8(hr[: height * scale, : width * scale], 1 / scale))


def test_readme_names_every_image_its_size_and_the_bicubic_psnr(root: Path) -> None:
    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    assert sorted(rows) == sorted(NAMES)
    for photograph in PHOTOGRAPHS:
        row = rows[photograph.name]
        assert f"`{photograph.original}`" in row
        assert "{}x{} |".format(*photograph.size) in row
        assert "public domain" in row or "CC0" in row
        assert _read(root, "HR", photograph.name).shape[:2] == photograph.size
    for scale in SCALES:
        psnr = [_bicubic_psnr(root, name, scale) for name in NAMES]
        assert re.search(rf"\| x{scale} \|.*\| {np.mean(psnr):.3f} dB \|", text)


def _bicubic_psnr(root: Path, name: str, scale: int) -> float:
    hr = modcrop(_read(root, "HR", name), scale)
    lr = _read(root, f"LR_bicubic/X{scale}", f"{name}x{scale}")
    return calculate_psnr(imresize_uint8(lr, scale), hr, border=scale)


@pytest.mark.parametrize(
    "photograph",
    [photograph for photograph in PHOTOGRAPHS if (SHIPPED / photograph.original).is_file()],
    ids=lambda photograph: photograph.name,
)
def test_hr_is_cut_from_the_original_that_scikit_image_ships(root: Path, photograph) -> None:
    cut = crop_hr(photograph, SHIPPED / photograph.original)
    assert np.array_equal(cut, _read(root, "HR", photograph.name))


def test_another_file_under_the_name_of_an_original_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        make_demo(tmp_path, tmp_path / "demo")
    (tmp_path / PHOTOGRAPHS[0].original).write_bytes(b"another photograph")
    with pytest.raises(UserError, match="not the file"):
        make_demo(tmp_path, tmp_path / "demo")
