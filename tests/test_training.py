"""Training: losses, schedules, averaged weights, and one step after the other."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training_data import enlarged_noise, stage

from esr.base.errors import UserError
from esr.tools.train.recipe import TrainingStage
from esr.tools.train.trainer import LOSSES, Trainer, averaging, learning_rate
from esr.tools.train.training_data import Sampler, TrainingPair
from esr.tools.train.training_network import import_forms

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny networks gain nothing from more."""
    torch.set_num_threads(1)


def trainer_of(root: Path, part: TrainingStage, seed: int = 0) -> Trainer:
    torch.manual_seed(seed)
    models = import_forms("team00_RFDN", root)
    return Trainer(models.build(None), models.in_form(None), part, CPU)


def test_cosine_is_that_of_pytorch() -> None:
    part = stage("a", lr=2e-3, schedule="cosine", final_lr=1e-5, iterations=50)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], 2e-3)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50, 1e-5)
    for iteration in range(51):
        assert learning_rate(part, iteration / 50) == pytest.approx(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()


def test_steps_are_those_of_pytorch() -> None:
    part = stage("a", lr=1.0, schedule="step", milestones=[3, 7], factor=0.25, iterations=10)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 7], 0.25)
    for iteration in range(10):
        assert learning_rate(part, iteration / 10) == reference.get_last_lr()[0], iteration
        optimizer.step()
        reference.step()


def test_rate_rises_during_the_warm_up() -> None:
    part = stage("a", lr=1.0, warm_up=4, iterations=10)
    rates = [learning_rate(part, iteration / 10) for iteration in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_losses_are_those_of_their_definitions() -> None:
    sr, hr = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1.0, 4.0, 1.0])
    assert float(LOSSES["l1"](sr, hr)) == pytest.approx((0 + 2 + 4) / 3)
    assert float(LOSSES["l2"](sr, hr)) == pytest.approx((0 + 4 + 16) / 3)
    smooth = sum(math.sqrt(d * d + 1e-12) for d in (0, 2, 4)) / 3
    assert float(LOSSES["charbonnier"](sr, hr)) == pytest.approx(smooth)
    assert float(LOSSES["charbonnier"](hr, hr)) == pytest.approx(1e-6)


def test_moving_average_is_that_of_its_definition() -> None:
    average, expected = torch.tensor(0.0), 0.0
    for count, value in enumerate(torch.arange(1.0, 6.0)):
        average = averaging(0.3)(average, value, count)
        decay = min(0.3, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * float(value)
    assert float(average) == pytest.approx(expected)


def test_a_stage_ends_with_whichever_limit_comes_first(root) -> None:
    trainer = trainer_of(root, stage("a", iterations=10, minutes=2.0))
    assert trainer.spent == 0.0
    trainer.iteration = 5
    assert trainer.spent == 0.5
    trainer.seconds = 90.0
    assert trainer.spent == 0.75
    trainer.iteration = 11
    assert trainer.spent == 1.0


def test_a_step_is_one_of_pytorchs_adam(root) -> None:
    part = stage("a", lr=1e-3, betas=[0.8, 0.95], loss="l2")
    trainer, twin = trainer_of(root, part), trainer_of(root, part).network
    optimizer = torch.optim.Adam(twin.parameters(), 1e-3, (0.8, 0.95))
    batch = Sampler([enlarged_noise(24, 20)], 2, 15, 3).batch(0)
    lr, hr = (images.float() for images in batch)
    for _ in range(2):
        loss = (twin(lr) - hr).square().mean()
        assert trainer.step(batch) == pytest.approx(float(loss.detach()), rel=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for ours, theirs in zip(trainer.network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_a_long_gradient_is_cut_and_one_without_end_teaches_nothing(root) -> None:
    batch = Sampler([enlarged_noise(24, 20)], 1, 15, 3).batch(0)
    trainer = trainer_of(root, stage("a", clip_norm=0.5))
    trainer.step(batch)
    gradients = [p.grad.flatten() for p in trainer.network.parameters() if p.grad is not None]
    assert float(torch.cat(gradients).norm()) == pytest.approx(0.5, rel=1e-3)
    before = [p.clone() for p in trainer.network.parameters()]
    hook = next(trainer.network.parameters()).register_hook(lambda g: g * math.nan)
    trainer.step(batch)
    hook.remove()
    assert all(map(torch.equal, before, trainer.network.parameters()))


def test_a_loss_that_is_no_number_ends_the_training(root) -> None:
    lr, hr = Sampler([enlarged_noise(24, 20)], 1, 15, 3).batch(0)
    with pytest.raises(UserError, match="the loss is nan"):
        trainer_of(root, stage("a")).step((lr * math.nan, hr))


def test_without_averaging_the_latest_weights_count(root) -> None:
    batch = Sampler([enlarged_noise(24, 20)], 1, 15, 3).batch(0)
    latest, averaged = (trainer_of(root, stage("a", ema=ema)) for ema in (None, 0.9))
    for trainer in (latest, averaged):
        trainer.step(batch)
        trainer.step(batch)
    assert latest.result is latest.network
    pairs = zip(averaged.result.parameters(), averaged.network.parameters(), strict=True)
    assert not all(torch.equal(one, other) for one, other in pairs)


def test_a_resumed_state_is_the_same_to_the_last_bit(root) -> None:
    sampler = Sampler([enlarged_noise(24, 20)], 2, 15, 3)
    part = stage("a", ema=0.99, schedule="cosine", iterations=8)

    def go(trainer: Trainer, steps: int) -> Trainer:
        for _ in range(steps):
            trainer.step(sampler.batch(trainer.iteration))
        return trainer

    unbroken = go(trainer_of(root, part), 6)
    resumed = trainer_of(root, part, seed=1)
    resumed.resume(go(trainer_of(root, part), 3).state())
    go(resumed, 3)
    for key, value in unbroken.result.state_dict().items():
        assert torch.equal(resumed.result.state_dict()[key], value), key


def test_psnr_is_that_of_opencv(root) -> None:
    import cv2

    trainer = trainer_of(root, stage("a"))
    pair = enlarged_noise(24, 20)
    sr = trainer.restore(pair.lr)
    assert trainer.psnr([pair]) == pytest.approx(cv2.PSNR(sr[4:-4, 4:-4], pair.hr[4:-4, 4:-4]))


def test_loss_falls_on_a_single_picture(root) -> None:
    smooth = np.full((16, 16, 3), (200, 120, 40), np.uint8)
    pair = TrainingPair(smooth, smooth.repeat(4, axis=0).repeat(4, axis=1))
    trainer = trainer_of(root, stage("a", iterations=100))
    losses = [trainer.step(Sampler([pair], 1, 15, 0).batch(0)) for _ in range(40)]
    assert losses[0] > 80, "an untrained network knows nothing of the range 0..255"
    assert losses[-1] < losses[0] / 3
