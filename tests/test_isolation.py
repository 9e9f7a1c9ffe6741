"""What a child says of its repeats and flags is checked before it is believed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from esr.base import json_file
from esr.datasets.manifest import PairHash
from esr.datasets.staging import StagedImage, StagedSplit
from esr.evaluate.dialogue.hand_over import HandOver
from esr.evaluate.worker_result import check_answer
from esr.measure import device
from esr.measure.channel import TAKE
from esr.measure.job import Job, JobFolder, JobSplit, SubmissionFailed
from esr.records.conditions import Conditions
from esr.records.measurement import Flag, Measurement
from esr.records.network_counts import Counts
from esr.records.timing_samples import RobustSamples, SplitTiming
from esr.submissions.submission import Submission

CONDITIONS = Conditions(seed=0, warmup_calls=3, unstable_shapes=0)


def _answer(
    tmp_path: Path, samples: tuple[tuple[float, ...], ...], flags: tuple[Flag, ...] = ()
) -> Measurement:
    """What the parent makes of a child that was given two images."""
    folder = JobFolder(tmp_path)
    folder.sr.mkdir()
    folder.lr_image(0, 0).parent.mkdir()
    images = []
    for index in range(2):
        lr = tmp_path / f"{index}.npy"
        lr.write_bytes(bytes(300))
        images.append(StagedImage(f"{index}.png", lr, lr, PairHash("", "", "")))
    split = StagedSplit("valid", "Two", 4, tuple(images))
    job = Job(Submission(0, "A", Path("a.py"), None), "cpu", (JobSplit("valid", 2),))
    robust = RobustSamples(samples, CONDITIONS)
    measurement = Measurement(
        counts=Counts((3, 256, 256), 0, None, None, None, None, None),
        clock="perf_counter",
        splits=(SplitTiming("valid", (0.0, 0.0), None, None, robust=robust),),
        output_dtype="torch.float32",
        peak_rss_mib=1.0,
        machine=device.describe_machine(torch.device("cpu")),
        flags=flags,
    )
    hand_over = HandOver([split], folder, lambda _: None)
    hand_over.hear("stage", "restore")
    for index in range(2):
        assert hand_over.hear("image", [0, index]) == TAKE
        hand_over.hear("restored", 0.0)
        folder.sr_image(0, index).write_bytes(bytes(4800))
        hand_over.hear("saved", None)
    for index, repeats in enumerate(samples):
        for ms in repeats:
            hand_over.hear("pass", [0, [index]])
            assert hand_over.hear("passed", ms) == b"0" + TAKE
            folder.shown.write_bytes(bytes(4800))
            hand_over.hear("shown", None)
    hand_over.hear("stage", "count")
    said = json.loads(json_file.to_line(["measurement", measurement]))
    hand_over.hear(*said)
    hand_over.close()
    return check_answer(hand_over, job, 0)


def test_a_good_answer_comes_back_as_it_was_sent(tmp_path: Path) -> None:
    samples = ((1.0, 1.5, 1.25), (2.0, 2.0, 0.1 + 0.2))
    robust = _answer(tmp_path, samples).splits[0].robust
    assert robust == RobustSamples(samples, CONDITIONS)


@pytest.mark.parametrize(
    "samples",
    [
        ((1.0, 1.0),),
        ((1.0, 1.0), (1.0,)),
        ((), ()),
        ((1.0, -1.0), (1.0, 1.0)),
        ((1.0, math.inf), (1.0, 1.0)),
    ],
)
def test_repeats_that_cannot_be_are_refused(
    tmp_path: Path, samples: tuple[tuple[float, ...], ...]
) -> None:
    with pytest.raises(SubmissionFailed) as failed:
        _answer(tmp_path, samples)
    assert failed.value.stage == "invalid"


def test_a_flag_cannot_reach_the_terminal_with_control_characters(tmp_path: Path) -> None:
    flag = Flag("x\x1b[2J", "one\ntwo" + 1000 * "z")
    (seen,) = _answer(tmp_path, ((1.0, 1.0), (1.0, 1.0)), (flag,)).flags
    assert "\x1b" not in seen.name
    assert "\n" not in seen.detail
    assert len(seen.detail) <= 300
