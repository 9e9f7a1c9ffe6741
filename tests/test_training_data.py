"""Training data: what is sampled, what is held out, that nothing is decoded twice."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from harness import smooth_image, write_image

from esr.base.errors import UserError
from esr.tools.train.recipe import Recipe, RecipeSource, TrainingStage
from esr.tools.train.training_data import (
    Sampler,
    TrainingPair,
    find_images,
    hold_out,
    read_pairs,
)
from esr.tools.train.training_set import TrainingSet, on_disk


def enlarged_noise(height: int, width: int, scale: int = 4) -> TrainingPair:
    lr = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return TrainingPair(lr, lr.repeat(scale, axis=0).repeat(scale, axis=1))


def stage(*folders: str, **changes) -> TrainingStage:
    values = {
        **{"name": "only", "start": "scratch", "loss": "l1", "lr": 1e-3, "iterations": 4},
        **{
            "hr_patch_px": 64,
            "batch_size": 2,
            "data": [RecipeSource(folder) for folder in folders],
        },
    }
    return TrainingStage(**{**values, **changes})


@pytest.mark.parametrize("scale", [2, 4])
def test_crops_of_lr_and_hr_show_the_same_place(scale) -> None:
    sampler = Sampler([enlarged_noise(30, 21, scale)], batch_size=40, patch_px=16, seed=1)
    lr, hr = sampler.batch(0)
    enlarged = lr.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    assert lr.shape == (40, 3, 16, 16)
    assert torch.equal(enlarged, hr)


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("rotations", [False, True])
def test_every_orientation_asked_for_and_only_those_is_drawn(flips, rotations) -> None:
    pair = enlarged_noise(16, 16)
    lr, _ = Sampler([pair], 200, 16, 1, flips, rotations).batch(0)
    planes = [image.permute(1, 2, 0).numpy().astype(np.uint8).tobytes() for image in lr]
    # A flip of a picture turned upside down is the other flip.
    originals = (pair.lr, pair.lr[:, ::-1]) if flips else (pair.lr,)
    turns = range(4) if rotations else (0,)
    expected = {np.rot90(a, b).tobytes() for a, b in itertools.product(originals, turns)}
    assert len(expected) == len(originals) * len(turns)
    assert set(planes) == expected


def test_a_batch_depends_on_seed_and_iteration_alone() -> None:
    sampler = Sampler([enlarged_noise(24, 20)], batch_size=2, patch_px=15, seed=3)
    first = sampler.batch(5)[0]
    assert not torch.equal(sampler.batch(6)[0], first)
    other = Sampler(sampler.pairs, sampler.batch_size, sampler.patch_px, seed=4)
    assert not torch.equal(other.batch(5)[0], first)
    for iteration, (lr, hr) in zip(range(4, 9), sampler.batches(4), strict=False):
        assert torch.equal(lr, sampler.batch(iteration)[0])
        assert torch.equal(hr, sampler.batch(iteration)[1])


def test_too_small_an_image_is_named_before_training() -> None:
    with pytest.raises(UserError, match="20 px"):
        Sampler([enlarged_noise(30, 20)], batch_size=1, patch_px=21, seed=0)
    with pytest.raises(UserError, match="no multiple of 4"):
        TrainingSet(4, (), {}, [], []).sampler(stage("a", hr_patch_px=66), 0)


def test_held_out_images_are_never_trained_on() -> None:
    files = [Path(f"{number:04d}.png") for number in range(108)]
    held = hold_out(files, 6)
    assert len(held) == 6
    assert held < set(files)
    with pytest.raises(UserError, match="too few"):
        hold_out(files[:6], 6)


def test_lr_is_made_of_hr_and_both_are_read_from_the_cache_ever_after(tmp_path) -> None:
    image = smooth_image(66, 70)
    write_image(tmp_path / "a.png", image)
    (first,) = read_pairs([tmp_path / "a.png"], 4, tmp_path / "cache")
    assert np.array_equal(first.hr, image[:64, :68])
    # MATLAB's bicubic is nowhere far from OpenCV's mean of the area.
    area = cv2.resize(image[:64, :68], (17, 16), interpolation=cv2.INTER_AREA)
    assert np.abs(first.lr.astype(int) - area).max() < 12
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    (again,) = read_pairs([tmp_path / "a.png"], 4, tmp_path / "cache")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == stamps
    assert isinstance(again.hr, np.memmap)
    assert np.array_equal(again.lr, first.lr)
    write_image(tmp_path / "a.png", image[:, ::-1])
    (changed,) = read_pairs([tmp_path / "a.png"], 4, tmp_path / "cache")
    assert np.array_equal(changed.hr, image[:64, ::-1][:, :68])


def test_the_first_images_of_a_folder_are_those_by_name(tmp_path) -> None:
    for name in "cab":
        write_image(tmp_path / "set" / f"{name}.png", smooth_image(16, 16))
    (tmp_path / "set" / "notes.txt").write_text("not an image")
    found = find_images(RecipeSource("set", first=2), [tmp_path / "elsewhere", tmp_path])
    assert [path.name for path in found] == ["a.png", "b.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no image"):
        find_images(RecipeSource("empty"), [tmp_path])
    with pytest.raises(UserError, match="no folder"):
        find_images(RecipeSource("set"), [])


def test_stages_see_their_folders_and_no_stage_what_is_held_out(tmp_path) -> None:
    for seed, name in enumerate(("a/1", "a/2", "a/3", "b/1")):
        write_image(tmp_path / f"{name}.png", smooth_image(64, 64, seed))
    recipe = Recipe("team00_RFDN", [stage("a"), stage("a", "b")], held_out=1)
    data = on_disk(recipe, [tmp_path], 4, tmp_path / "cache")
    first, second = (data.sampler(part, 0).pairs for part in recipe.stages)
    assert (len(first), len(second), len(data.held)) == (2, 3, 1)
    held = data.held[0].hr
    assert not any(np.array_equal(pair.hr, held) for pair in second)
    assert [(used.folder, used.images, used.held_out) for used in data.used] == [
        ("a", 2, 1),
        ("b", 1, 0),
    ]


def test_a_test_image_among_the_training_images_is_refused(root, tmp_path) -> None:
    for seed in range(3):
        write_image(tmp_path / "a" / f"{seed}.png", smooth_image(64, 64, seed))
    demo = sorted((root / "data" / "demo" / "HR").glob("*.png"))[0]
    leaked = cv2.flip(cv2.imread(str(demo)), 1)
    cv2.imwrite(str(tmp_path / "a" / "innocent.jpg"), leaked)
    recipe = Recipe("team00_RFDN", [stage("a")], held_out=1)
    with pytest.raises(UserError, match=r"innocent\.jpg.*test image"):
        on_disk(recipe, [tmp_path], 4, tmp_path / "cache")
