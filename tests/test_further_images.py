"""Images behind the scored ones: what is changed, what must agree, and what honest costs may be."""

from __future__ import annotations

import math
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from harness import smooth_image
from torch import nn

from esr.audit.changed_images import Change, Part, draw_change, memorised, psnr_db
from esr.audit.timed_counts import CountedImage, timed_count_flags
from esr.datasets.manifest import PairHash
from esr.datasets.staging import StagedImage, StagedSplit
from esr.evaluate.dialogue.further_images import (
    SIDES,
    FurtherImage,
    FurtherResult,
    choose_further,
)
from esr.evaluate.score_further import judge_further
from esr.images.resample import imresize_uint8
from esr.measure.counts.timed_count import TimedCount, calls_of
from esr.measure.job import JobFolder
from esr.measure.restore import restorer
from esr.records.network_counts import CountedPass, Counts
from esr.submissions.sidecar import Sidecar

SIZED, WHOLE = SIDES, (339, 510)
"""The part, and LR of DIV2K."""


def _counts(flops: int) -> Counts:
    return Counts((3, 256, 256), 10**6, None, None, None, None, None, flops_dispatch=flops)


def _image(size: tuple[int, int], flops: float, *, smooth: bool = False, **other) -> CountedImage:
    fields = {
        "unregistered_elements": 0,
        "untouched_elements": 0,
        "outside_share": 0.0,
        "makes_output": True,
        **other,
    }
    return CountedImage(size, CountedPass((size,), int(flops), **fields), smooth)


def _names(law, official: int = 256, *, of_images: float = 0.0) -> list[str]:
    """Flags on a network whose cost is `law(height, width)`, a share of it that of attention."""
    images = [
        _image(size, law(*size), flops_of_images=int(of_images * law(*size)))
        for size in (WHOLE, (160, 480), SIZED)
    ]
    return [flag.name for flag in timed_count_flags(_counts(int(law(official, official))), images)]


def _padded(multiple: int):
    def law(height: int, width: int) -> int:
        return 10**5 * -(-height // multiple) * -(-width // multiple) * multiple**2

    return law


@pytest.mark.parametrize(
    "law",
    [
        lambda h, w: 1000 * h * w,
        lambda h, w: 1000 * h * w + 10**8,
        lambda h, w: 10**9,
        *map(_padded, (7, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256)),
    ],
)
def test_no_law_by_which_an_honest_cost_grows_is_flagged(law) -> None:
    assert not _names(law)


@pytest.mark.parametrize("law", [lambda h, w: (h * w) ** 2, lambda h, w: h * w * (h + w)])
def test_attention_alone_may_grow_faster_than_the_area(law) -> None:
    assert not _names(law, of_images=1.0)
    assert _names(law) == ["flops_hidden"]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.75])
def test_what_costs_less_in_the_sizes_of_the_counters_is_flagged(share: float) -> None:
    known = ((256, 256), SIDES, SIDES[::-1])

    def law(height: int, width: int) -> float:
        return 10**6 * height * width * (share if (height, width) in known else 1)

    assert _names(law) == ["flops_hidden"]
    smooth = _image(SIZED, law(*SIZED), smooth=True)
    images = [_image(WHOLE, law(*WHOLE)), _image(SIZED, law(*SIZED)), smooth]
    (flag,) = timed_count_flags(_counts(int(law(256, 256))), images)
    assert flag.name == "flops_hidden"


@pytest.mark.parametrize("share", [0.003, 0.5, 0.85])
def test_what_costs_less_at_the_official_size_alone_is_flagged(share: float) -> None:
    def law(height: int, width: int) -> float:
        return 10**6 * height * width * (share if (height, width) == (256, 256) else 1)

    assert _names(law) == ["flops_hidden"]


def test_what_costs_less_near_the_official_area_shows_in_whole_images() -> None:
    def law(height: int, width: int) -> float:
        return 10**6 * height * width * (0.1 if 6e4 < height * width < 7e4 else 1)

    assert _names(law) == ["flops_hidden"]


def test_a_cost_that_depends_on_detail_has_a_name_of_its_own() -> None:
    images = [_image(SIZED, 2e9), _image(SIZED, 1e9, smooth=True)]
    (flag,) = timed_count_flags(_counts(10**9), images)
    assert flag.name == "flops_depend_on_input"


@pytest.mark.parametrize(("picture", "smooth"), [(4e8, 4e8), (1e9, 6e8), (8e8, 1e9)])
def test_a_cost_that_is_less_for_a_picture_than_for_the_counters_input_is_named(
    picture: float, smooth: float
) -> None:
    images = [_image(WHOLE, 3e8), _image(SIZED, picture), _image(SIZED, smooth, smooth=True)]
    (flag,) = timed_count_flags(_counts(10**9), images)
    assert flag.name == "flops_depend_on_input"
    for figure in (1e9, picture, smooth):
        assert f"{figure / 1e9:.4g} G" in flag.detail


def test_further_evidence_is_flagged() -> None:
    image = _image(
        SIZED, 1e9, unregistered_elements=2 * 10**6, outside_share=0.5, makes_output=False
    )
    names = [flag.name for flag in timed_count_flags(_counts(2 * 10**9), [image])]
    assert names == ["unregistered_weights", "outside_pytorch", "foreign_tensors"]


def test_tiles_are_counted_by_what_the_network_is_given() -> None:
    network = nn.Conv2d(3, 3, 1)
    sidecar = Sidecar(scale=1, tile=64)
    calls = calls_of(network, restorer(network, sidecar), torch.zeros(1, 3, 100, 64), 1)
    # Tiles of 64 overlap by 32: they start at 0, 32 and the last one at 100 - 64.
    assert calls == ((64, 64),) * 3


def test_a_timed_pass_is_counted_without_a_frame_of_ours_above_the_network() -> None:
    import sys

    seen: list[list[str]] = []

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, 4, 3, padding=1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            frame, names = sys._getframe(), []
            while frame is not None:
                names.append((frame.f_code.co_filename, frame.f_code.co_name))
                frame = frame.f_back
            seen.append(names)
            return self.body(x)

    network, lr = Net(), torch.rand(1, 3, 5, 7)
    count = TimedCount(network, network, 1)

    def run() -> torch.Tensor:
        return network(lr)

    for watching in (False, True):
        if watching:
            with count.watching(lr):
                output = run()
        else:
            run()
    assert seen[0] == seen[1]
    passed = count.seen(output)
    # 4 filters of 3x3x3 at 5x7 places.
    assert (passed.flops, passed.calls) == (3780, ((5, 7),))
    assert passed.unregistered_elements == passed.untouched_elements == 0
    assert passed.makes_output


@pytest.mark.parametrize("seed", range(20))
def test_an_equivariant_restoration_scores_the_same_when_the_image_is_changed(seed: int) -> None:
    hr = smooth_image(96, 80, seed)
    lr = imresize_uint8(hr, 1 / 4)
    change = draw_change(24, 20, symmetric=True, rng=random.Random(seed))
    assert change != Change()
    rows, columns = change.compared(24, 20)
    inner = tuple(slice(4 * part.start, 4 * part.stop) for part in (rows, columns))
    before = psnr_db(change.apply(_nearest(lr), 4)[inner], change.apply(hr, 4)[inner])
    after = psnr_db(_nearest(change.apply(lr))[inner], change.apply(hr, 4)[inner])
    assert after == pytest.approx(before, abs=1e-9)


def _nearest(lr: np.ndarray) -> np.ndarray:
    return lr.repeat(4, 0).repeat(4, 1)


def test_a_picture_moves_and_its_edge_is_repeated() -> None:
    image = np.arange(4, dtype=np.uint8).reshape(1, 4, 1).repeat(3, 2)
    moved = Change(right=1, brighter=2).apply(image)
    assert moved[0, :, 0].tolist() == [2, 2, 3, 4]
    assert Change(mirrored=True).apply(image)[0, :, 0].tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("seed", range(12))
def test_every_pixel_of_a_changed_image_is_where_the_indices_say(seed: int) -> None:
    rng, levels = random.Random(seed), np.random.default_rng(seed)
    height, width, scale = rng.randint(5, 14), rng.randint(5, 14), rng.choice((1, 2, 3, 4))
    channels = rng.choice((1, 3))
    image = levels.integers(0, 256, (height * scale, width * scale, channels), dtype=np.uint8)
    change = draw_change(height, width, symmetric=True, rng=rng)
    changed = change.apply(image, scale)
    assert changed.shape == image.shape
    for row, column in np.ndindex(image.shape[:2]):
        y = min(max(row - change.down * scale, 0), height * scale - 1)
        x = min(max(column - change.right * scale, 0), width * scale - 1)
        source = image[-1 - y if change.upside_down else y, -1 - x if change.mirrored else x]
        brighter = [min(max(int(level) + change.brighter, 0), 255) for level in source]
        assert changed[row, column].tolist() == brighter


@pytest.mark.parametrize("seed", range(20))
def test_what_is_compared_is_the_same_in_an_image_and_in_the_changed_one(seed: int) -> None:
    rng, levels = random.Random(seed), np.random.default_rng(seed)
    height, width, scale = rng.randint(5, 50), rng.randint(5, 50), rng.choice((1, 2, 3, 4))
    image = levels.integers(0, 256, (height * scale, width * scale, 3), dtype=np.uint8)
    part = Part(rng.randint(0, height - 1), rng.randint(0, width - 1), 20, 30)
    for change in (draw_change(height, width, symmetric=True, rng=rng), part):
        compared = change.compared(height, width)
        kept = change.cut(image, compared, scale)
        changed = change.apply(image, scale)
        assert np.array_equal(kept, change.cut_changed(changed, compared, scale))
        inner = tuple(slice(side.start * scale, side.stop * scale) for side in compared)
        # As many pixels, and the same ones but for their order.
        assert kept.shape == changed[inner].shape
        assert np.array_equal(*(np.sort(pixels, None) for pixels in (kept, changed[inner])))


def test_a_part_of_a_smaller_image_goes_on_mirrored() -> None:
    image = np.arange(3, dtype=np.uint8).reshape(1, 3, 1)
    assert Part(0, 1, 1, 5).apply(image)[0, :, 0].tolist() == [1, 2, 2, 1, 1]


def test_a_perfect_image_that_stays_perfect_is_not_flagged() -> None:
    perfect = psnr_db(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8))
    assert math.isfinite(perfect)
    assert not list(memorised("a", perfect, perfect, Change()))
    assert not list(memorised("a", 30.0, 29.75, Change()))
    assert list(memorised("a", 30.0, 29.65, Change()))


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("size", [(3, 4), (24, 20)])
def test_what_is_drawn_goes_on_from_the_set_and_differs_each_time(
    tmp_path: Path, count: int, size: tuple[int, int]
) -> None:
    lr, hr = tmp_path / "lr.npy", tmp_path / "hr.npy"
    np.save(hr, smooth_image(4 * size[0], 4 * size[1]))
    np.save(lr, imresize_uint8(np.load(hr), 1 / 4))
    images = tuple(StagedImage(f"{n}", lr, hr, PairHash("", "", "")) for n in range(count))
    split = StagedSplit("valid", "Set", 4, images)
    drawn = [choose_further([split], random.Random(seed)) for seed in range(30)]
    for further in drawn:
        assert [image.place for image in further] == [(0, count + n) for n in range(5)]
        shapes = {image.kind: image.make_lr().shape[:2] for image in further}
        assert shapes["changed"] == shapes["repeated"] == size
        assert sorted(shapes["sized"]) == sorted(SIDES)
    assert len({tuple(image.kind for image in further) for further in drawn}) > 5


@pytest.mark.parametrize(
    ("is_repeatable", "name"), [(True, "counter_detected"), (None, "audit_incomplete")]
)
def test_what_is_another_image_when_it_is_counted_is_flagged_whatever_is_known_of_it(
    tmp_path: Path, is_repeatable: bool | None, name: str
) -> None:
    folder = JobFolder(tmp_path)
    source = StagedImage("a", tmp_path, tmp_path, PairHash("", "", ""))
    image = FurtherImage("repeated", source, (0, 0), (0, 1), Change(), is_counted=True)
    for place, level in ((image.place, 90), (image.source_place, 100)):
        file = folder.sr_image(*place)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.full((8, 8, 3), level, np.uint8))
    measurement = SimpleNamespace(is_repeatable=is_repeatable, counts=_counts(10**9))
    (flag,) = judge_further([FurtherResult(image)], measurement, folder, 4, 0)
    assert (flag.name, "10 grey levels" in flag.detail) == (name, True)
