"""The Real-Time challenge's metrics, score, bicubic reference and degradation against their goldens."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from esr.base.errors import UserError
from esr.challenge.rtsr.prepare_rtsr import main as prepare_main
from esr.challenge.rtsr.real_time_score import enlarge, real_time_score
from esr.challenge.rtsr.rtsr_degradation import Degradation, encode, ground_truth, low_resolution
from esr.images.metrics import METRICS, luma_final, luma_first


@pytest.fixture(scope="module")
def arrays(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "networks" / "golden" / "rtsr_protocol.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def facts(shared: Path) -> dict:
    return json.loads((shared / "networks" / "golden" / "rtsr_protocol.json").read_text())


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("psnr_rgb", 1e-9),
        ("ssim_rgb", 1e-9),
        ("psnr_y_first", 1e-9),
        ("ssim_y_first", 1e-9),
        # Computed in float32 where the golden comes from: its own rounding, no more.
        ("psnr_y_final", 5e-6),
        ("ssim_y_final", 5e-9),
    ],
)
def test_metrics_equal_the_golden_values(
    name: str, tolerance: float, arrays: dict, facts: dict
) -> None:
    value = METRICS[name].function(arrays["sr"], arrays["hr"], 0)
    assert value == pytest.approx(facts["metrics_for_arrays_sr_hr"][name], abs=tolerance)


@pytest.mark.parametrize("name", [name for name in METRICS if "rgb" in name or "_y_f" in name])
def test_the_challenge_leaves_nothing_out_at_the_border(name: str, arrays: dict) -> None:
    metric = METRICS[name].function
    assert metric(arrays["sr"], arrays["hr"], 4) == metric(arrays["sr"], arrays["hr"], 0)


def test_planes_equal_the_golden_ones(arrays: dict) -> None:
    np.testing.assert_array_equal(luma_first(arrays["sr"]), arrays["y_first_sr"])
    np.testing.assert_array_equal(luma_first(arrays["hr"]), arrays["y_first_hr"])
    final = luma_final(arrays["sr"])
    assert final.dtype == arrays["y_final_sr"].dtype
    np.testing.assert_allclose(final, arrays["y_final_sr"], rtol=0, atol=2e-5)


def test_the_final_variant_exchanges_red_and_blue() -> None:
    red, blue = (np.full((2, 2, 3), color, np.uint8) for color in ([255, 0, 0], [0, 0, 255]))
    assert luma_final(red)[0, 0] == pytest.approx(16 + 24.966, abs=1e-4)
    assert luma_final(blue)[0, 0] == pytest.approx(16 + 65.481, abs=1e-4)


def test_scores_equal_the_golden_ones(facts: dict) -> None:
    assert len(facts["scores"]) == 13
    for case in facts["scores"]:
        score = real_time_score(case["psnr"], case["runtime_ms"], case["bicubic"])
        assert score == pytest.approx(case["score"], abs=1e-12)


@pytest.mark.parametrize(
    ("psnr_db", "runtime_ms", "published", "rounding"),
    [
        (34.24, 26.89, 4.84, 0.02),  # SEU CNII x2
        (34.22, 7.09, 9.27, 0.04),  # the table's baseline
    ],
)
def test_published_scores_come_out_of_the_formula(
    psnr_db: float, runtime_ms: float, published: float, rounding: float
) -> None:
    # PSNR and P0 are printed to 0.01 and 0.001 dB: half of a last digit moves a score by 0.35 %.
    low, high = (real_time_score(psnr_db + d, runtime_ms, 33.916) for d in (-0.005, 0.005))
    assert low - 0.005 <= published <= high + 0.005
    assert real_time_score(psnr_db, runtime_ms, 33.916) == pytest.approx(published, abs=rounding)


@given(st.floats(20, 60), st.floats(0.01, 1e5), st.floats(20, 60), st.floats(0.001, 5))
def test_a_better_network_never_scores_less(
    psnr: float, ms: float, bicubic: float, more: float
) -> None:
    score = real_time_score(psnr, ms, bicubic)
    assert real_time_score(psnr + more, ms, bicubic) >= score >= 0
    assert real_time_score(psnr, ms + more, bicubic) <= score
    assert real_time_score(psnr, ms, bicubic + more) <= score


def test_scores_at_the_edges() -> None:
    assert real_time_score(math.inf, 1, 30) == math.inf
    assert real_time_score(math.nan, 1, 30) != real_time_score(31, 1, 30)
    for runtime_ms in (0, -1, math.nan):
        with pytest.raises(ValueError, match="no network runs"):
            real_time_score(32, runtime_ms, 30)


@pytest.mark.parametrize("scale", [2, 3])
def test_the_bicubic_reference_is_pytorchs(scale: int, arrays: dict) -> None:
    golden = arrays[f"bicubic_x{scale}_uint8"].astype(int)
    difference = np.abs(enlarge(arrays[f"lr_x{scale}_jpeg90_decoded_cv2"], scale) - golden)
    # Only exact halves, which x2 has none of here, may be rounded differently.
    assert difference.max() <= (scale == 3)
    assert (difference > 0).mean() < 0.004


@pytest.mark.parametrize("scale", [2, 3])
def test_degradation_equals_the_golden_one(scale: int, arrays: dict) -> None:
    truth = ground_truth(Image.fromarray(arrays["hr"]), Degradation(scale, (60, 78)))
    np.testing.assert_array_equal(np.asarray(truth), arrays["gt_crop_60x78"])
    lr = low_resolution(truth, scale)
    np.testing.assert_array_equal(np.asarray(lr), arrays[f"lr_x{scale}_before_jpeg"])
    decoded = np.asarray(Image.open(io.BytesIO(encode(lr, "JPEG", quality=90)))).astype(int)
    assert np.abs(decoded - arrays[f"lr_x{scale}_jpeg90_decoded_pillow"]).max() <= 2


def test_the_centre_crop_pads_as_torchvision_does() -> None:
    # From its documentation: black, the odd pixel at the end; the offset rounded half to even.
    image = Image.fromarray(np.full((3, 9, 3), 200, np.uint8))
    image.putpixel((2, 0), (1, 2, 3))
    cut = np.asarray(ground_truth(image, Degradation(2, (6, 4))))
    assert cut.shape == (6, 4, 3)
    assert cut[1, 0].tolist() == [1, 2, 3]  # (9 - 4) / 2 = 2.5 -> 2; 3 rows missing: 1 above
    assert cut[[0, 4, 5]].max() == 0
    assert cut[1:4].min() > 0


def _write(folder: Path, arrays: dict, name: str = "a.png") -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(arrays["hr"]).save(folder / name)


@pytest.mark.parametrize("scale", [2, 3])
def test_prepare_writes_the_folders_of_the_challenge(
    scale: int, arrays: dict, tmp_path: Path
) -> None:
    _write(tmp_path / "hr", arrays)
    target = tmp_path / "data"
    command = [str(tmp_path / "hr"), str(target), "--scale", str(scale), "--crop", "60", "78"]
    assert prepare_main(command) == 0
    assert {str(p.relative_to(target)) for p in target.rglob("*.*")} == {
        "GT/a.png",
        f"LR{scale}/a.jpg",
    }
    truth = cv2.imread(str(target / "GT" / "a.png"))[..., ::-1]
    np.testing.assert_array_equal(truth, arrays["gt_crop_60x78"])
    lr = cv2.imread(str(target / f"LR{scale}" / "a.jpg"))[..., ::-1].astype(int)
    assert np.abs(lr - arrays[f"lr_x{scale}_jpeg90_decoded_cv2"]).max() <= 2


def test_both_scales_go_into_one_folder_and_another_crop_does_not(
    arrays: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "hr", arrays)
    paths = [str(tmp_path / "hr"), str(tmp_path / "data")]
    for scale in ("2", "3", "2"):
        assert prepare_main([*paths, "--scale", scale, "--crop", "60", "78"]) == 0
    before = (tmp_path / "data" / "GT" / "a.png").read_bytes()
    assert prepare_main([*paths, "--scale", "2", "--whole"]) == 2
    assert "with other pixels" in capsys.readouterr().err
    assert (tmp_path / "data" / "GT" / "a.png").read_bytes() == before


def test_what_cannot_be_prepared_is_named(
    arrays: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def error(*more: str) -> str:
        command = [str(tmp_path / "hr"), str(tmp_path / "data"), "--scale", "2", *more]
        assert prepare_main(command) == 2
        message = capsys.readouterr().err
        assert message.startswith("error: ")
        assert message.count("\n") == 1
        return message

    assert "no such folder" in error()
    (tmp_path / "hr").mkdir()
    assert "no image" in error()
    _write(tmp_path / "hr", arrays, "a.jpg")
    assert "convert it to PNG" in error()
    (tmp_path / "hr" / "a.jpg").rename(tmp_path / "hr" / "a.png")
    assert "is a JPEG" in error()
    (tmp_path / "hr" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    assert "cannot be decoded" in error()
    _write(tmp_path / "hr", arrays)
    assert "no multiple of 2" in error("--crop", "61", "78")
    assert not list((tmp_path / "data").rglob("*.*"))


def test_images_smaller_than_the_crop_are_said_to_be_padded(
    arrays: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "hr", arrays)
    command = [str(tmp_path / "hr"), str(tmp_path / "data"), "--scale", "2", "--crop", "80", "90"]
    assert prepare_main(command) == 0
    assert "1 padded with black" in capsys.readouterr().out


def test_a_whole_image_is_cut_to_a_multiple_of_both_scales() -> None:
    image = Image.fromarray(np.zeros((13, 20, 3), np.uint8))
    assert ground_truth(image, Degradation(2, None)).size == (18, 12)
    with pytest.raises(UserError, match="too few"):
        ground_truth(image.crop((0, 0, 5, 13)), Degradation(2, None))
