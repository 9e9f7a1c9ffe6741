"""Training: what is sampled, how the schedule runs, that a resumed run is the same run."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from utils import network as networks
from utils import training
from utils.errors import ExitCode, UserError
from utils.training import Budget, Trainer, build, learning_rate
from utils.training_data import Sampler, TrainingPair, hold_out

CPU = torch.device("cpu")


def enlarged_noise(height: int, width: int, scale: int = 4) -> TrainingPair:
    lr = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return TrainingPair(lr, lr.repeat(scale, axis=0).repeat(scale, axis=1))


@pytest.fixture(scope="module")
def model_file(root: Path) -> Path:
    return root / "models" / "team00_RFDN.py"


@pytest.fixture
def sampler() -> Sampler:
    return Sampler([enlarged_noise(24, 20)], batch_size=2, patch_px=15, seed=3)


@pytest.mark.parametrize("scale", [2, 4])
def test_crops_of_lr_and_hr_show_the_same_place(scale) -> None:
    sampler = Sampler([enlarged_noise(30, 21, scale)], batch_size=40, patch_px=16, seed=1)
    lr, hr = sampler.batch(0)
    enlarged = lr.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    assert lr.shape == (40, 3, 16, 16)
    assert torch.equal(enlarged, hr)


def test_every_orientation_and_only_those_is_drawn() -> None:
    pair = enlarged_noise(16, 16)
    lr, _ = Sampler([pair], batch_size=200, patch_px=16, seed=1).batch(0)
    planes = [image.permute(1, 2, 0).numpy().astype(np.uint8).tobytes() for image in lr]
    expected = {
        np.rot90(flipped, turns).tobytes()
        for flipped, turns in itertools.product((pair.lr, pair.lr[:, ::-1]), range(4))
    }
    assert len(expected) == 8
    assert set(planes) == expected


def test_a_batch_depends_on_seed_and_iteration_alone(sampler) -> None:
    first = sampler.batch(5)[0]
    sampler.batch(6)
    assert torch.equal(sampler.batch(5)[0], first)
    assert not torch.equal(sampler.batch(6)[0], first)
    other = Sampler(sampler.pairs, sampler.batch_size, sampler.patch_px, seed=4)
    assert not torch.equal(other.batch(5)[0], first)


def test_too_small_an_image_is_named_before_training() -> None:
    with pytest.raises(UserError, match="20 px"):
        Sampler([enlarged_noise(30, 20)], batch_size=1, patch_px=21, seed=0)


def test_held_out_images_are_never_trained_on() -> None:
    files = [Path(f"{number:04d}.png") for number in range(108)]
    kept, held = hold_out(files, 6)
    assert len(held) == 6
    assert sorted([*kept, *held]) == files
    with pytest.raises(UserError, match="too few"):
        hold_out(files[:6], 6)


def test_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    shares = np.linspace(0, 1, 1001)
    rates = [learning_rate(2e-3, float(share)) for share in shares]
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(2e-3)
    assert min(rates[:-1]) > 0
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert rates == sorted(rates[:top]) + sorted(rates[top:], reverse=True)


def test_budget_ends_with_whichever_limit_comes_first() -> None:
    assert Budget(iterations=10).spent(5, 1e9) == 0.5
    assert Budget(minutes=2).spent(10**9, 30) == 0.25
    assert Budget(iterations=10, minutes=2).spent(1, 60) == 0.5
    assert Budget(iterations=10).spent(11, 0) == 1.0


def test_moving_average_is_that_of_its_definition() -> None:
    values = torch.arange(1.0, 6.0)
    average, expected = torch.tensor(0.0), 0.0
    for count, value in enumerate(values):
        average = training.moving_average(average, value, count)
        decay = min(0.999, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * float(value)
    assert float(average) == pytest.approx(expected)


def weights_after(trainer: Trainer, sampler: Sampler, steps: int) -> dict[str, torch.Tensor]:
    for _ in range(steps):
        trainer.step(sampler, 1e-3)
    return trainer.ema.state_dict()


def test_a_resumed_run_is_the_same_as_an_unbroken_one(model_file, sampler, tmp_path) -> None:
    def fresh(seed: int) -> Trainer:
        torch.manual_seed(seed)
        return build(model_file, CPU)

    unbroken = weights_after(fresh(0), sampler, 4)
    stopped = fresh(0)
    weights_after(stopped, sampler, 2)
    stopped.save(tmp_path)
    resumed = fresh(1)
    resumed.resume(tmp_path)
    assert resumed.iteration == 2
    assert resumed.seconds == stopped.seconds
    for name, weight in weights_after(resumed, sampler, 2).items():
        torch.testing.assert_close(weight, unbroken[name], rtol=1e-4, atol=1e-6)


def test_loss_falls_on_a_single_picture(model_file) -> None:
    smooth = np.full((16, 16, 3), (200, 120, 40), np.uint8)
    pair = TrainingPair(smooth, smooth.repeat(4, axis=0).repeat(4, axis=1))
    torch.manual_seed(0)
    trainer = build(model_file, CPU)
    losses = [trainer.step(Sampler([pair], 1, 15, 0), 1e-3) for _ in range(40)]
    assert losses[0] > 80, "an untrained network knows nothing of the range 0..255"
    assert losses[-1] < losses[0] / 3


def run_script(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "train.py", *arguments]
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=120
    )


def test_command_line_trains_and_resumes(root, model_file, tmp_path) -> None:
    noise = np.random.default_rng(0)
    for name in "abc":
        image = noise.integers(0, 256, (66, 70, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    common = ["--model_file", model_file, "--data_dir", tmp_path, "--out", tmp_path / "out"]
    common += ["--batch_size", 1, "--patch", 15, "--hold_out", 1, "--device", "cpu"]
    first = run_script(root, *common, "--iterations", 2)
    assert first.returncode == ExitCode.OK, first.stderr
    assert "2 steps" in first.stderr
    assert "PSNR" in first.stderr
    second = run_script(root, *common, "--iterations", 3, "--resume")
    assert second.returncode == ExitCode.OK, second.stderr
    assert "3 steps" in second.stderr
    network = build(model_file, CPU).network
    networks.load(network, tmp_path / "out" / "weights.pth", strict=True)


def test_nothing_to_resume_costs_one_line(root, model_file, tmp_path) -> None:
    options = ["--model_file", model_file, "--data_dir", tmp_path, "--out", tmp_path]
    done = run_script(root, *options, "--iterations", 1, "--resume")
    assert done.returncode == ExitCode.UNUSABLE
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
