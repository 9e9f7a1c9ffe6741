"""The runtime procedure of the Real-Time challenge, and the operations at its sizes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from esr.base.errors import UserError
from esr.challenge.fixed_input import Calls, FixedInput, FixedInputPlan, find_problem, plan
from esr.challenge.protocol import protocols
from esr.evaluate.options import parse
from esr.measure.bench import Bench
from esr.measure.counts.official_counts import activations, layer_calls
from esr.measure.fixed_input_pass import run_fixed_input
from esr.measure.loading.network import import_model
from esr.measure.nvml import GpuWatch
from esr.measure.timing import CudaMemory, CudaStopwatch, PeakMemory, WallStopwatch
from esr.submissions.sidecar import Sidecar

CPU = torch.device("cpu")
PLAN = FixedInputPlan((3, 24, 16), True, Calls(50, 244), Calls(1, 3), (3, 24, 16))


class Noting(nn.Module):
    """x2 by repetition, and a list of what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1), requires_grad=False)
        self.inputs: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.inputs.append(x)
        return (x * self.weight).repeat_interleave(2, -1).repeat_interleave(2, -2)


def _bench(network: nn.Module) -> Bench:
    watch, memory = WallStopwatch(), PeakMemory(CPU)
    return Bench(CPU, network, watch, memory, GpuWatch(CPU), Sidecar(scale=2))


def test_the_same_noise_goes_in_as_often_as_asked() -> None:
    network = Noting()
    found = run_fixed_input(_bench(network), network, replace(PLAN, asked=Calls(5, 7)))
    # What the counter does to a network is undone.
    noise = network.inputs
    assert len(noise) == 5 + 7
    assert all(one is noise[0] for one in noise)
    assert noise[0].shape == (1, 3, 24, 16)
    assert abs(float(noise[0].mean())) < 0.1
    assert 0.9 < float(noise[0].std()) < 1.1
    (run,) = found.runs
    assert (run.warmups, len(run.samples_ms)) == (5, 7)
    assert run.mean_ms == pytest.approx(sum(run.samples_ms) / 7)


def test_a_cpu_runs_less_often_and_in_float32_and_says_so() -> None:
    network = Noting()
    found = run_fixed_input(_bench(network), network, PLAN)
    assert found.scored is not None
    assert (found.scored.dtype, found.scored.warmups) == ("torch.float32", 1)
    assert len(found.scored.samples_ms) == 3
    assert "half precision" in found.notes[0]


class Wrong(Noting):
    """Returns its input as it is."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_what_fails_is_a_note() -> None:
    found = run_fixed_input(_bench(Wrong()), Wrong(), PLAN)
    assert found.runs == ()
    assert found.scored is None
    assert any("1x3x24x16" in note for note in found.notes)
    assert find_problem(found, PLAN) is None


def test_cudnn_is_left_as_it_was() -> None:
    network = Noting()
    before = torch.backends.cudnn.benchmark
    run_fixed_input(_bench(network), network, PLAN)
    assert torch.backends.cudnn.benchmark == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_runs_both_precisions_as_officially() -> None:
    device = torch.device("cuda:0")
    network = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2)).to(device)
    network.requires_grad_(False)
    watch, memory = CudaStopwatch(), CudaMemory(device)
    bench = Bench(device, network, watch, memory, GpuWatch(device), Sidecar(scale=2))
    found = run_fixed_input(bench, network, PLAN)
    assert [run.dtype for run in found.runs] == ["torch.float32", "torch.float16"]
    assert all((run.warmups, len(run.samples_ms)) == (50, 244) for run in found.runs)
    assert found.scored is found.runs[1]
    assert find_problem(found, PLAN) is None


def test_the_protocol_asks_for_what_the_official_script_does(root: Path) -> None:
    options = parse(["--protocol", "rtsr2023"], root)
    # 3840 // s and 2160 // s as height and width: portrait.
    for scale, size in ((2, (3, 1920, 1080)), (3, (3, 1280, 720))):
        planned = plan(options.procedure.real_time, options.protocol, scale)
        assert planned is not None
        assert (planned.input_size, planned.official_size) == (size, size)
        assert (planned.half, planned.official, planned.asked) == (True, Calls(50, 244), None)
    assert plan(options.procedure.real_time, options.protocol, 4) is None
    assert plan(options.procedure.real_time, protocols()["ntire2023"], 4) is None
    landscape = parse(["--protocol", "rtsr2023", "--runtime_size", "1080", "1920"], root)
    planned = plan(landscape.procedure.real_time, landscape.protocol, 2)
    assert planned is not None
    assert FixedInput(planned.input_size, planned.official, planned.official_size, ()).as_asked


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runtime_calls", "0", "0"],
        ["--runtime_calls", "1", "-2"],
        ["--runtime_calls", "1"],
        ["--runtime_size", "0", "9"],
        ["--rgb_range", "7"],
    ],
)
def test_nonsense_on_the_command_line_is_refused(arguments: list[str], root: Path) -> None:
    with pytest.raises(UserError):
        parse(["--protocol", "rtsr2023", *arguments], root)


def test_a_childs_answer_is_checked() -> None:
    network = Noting()
    sound = run_fixed_input(_bench(network), network, PLAN)
    (run,) = sound.runs
    assert find_problem(sound, PLAN) is None
    assert find_problem(None, None) is None
    assert find_problem(None, PLAN)
    assert find_problem(sound, None)
    assert find_problem(replace(sound, input_size=(3, 1, 1)), PLAN)
    assert find_problem(replace(sound, official=Calls(1, 3)), PLAN)
    for samples in ((), (1.0,) * 2, (0.0,) * 3, (-1.0,) * 3, (float("nan"),) * 3):
        assert find_problem(replace(sound, runs=(replace(run, samples_ms=samples),)), PLAN)


@pytest.mark.parametrize("form", ["x2", "x3"])
def test_prfdn_costs_what_the_report_says_at_the_challenges_sizes(
    form: str, root: Path, shared: Path
) -> None:
    facts = json.loads((shared / "networks" / "facts_prfdn.json").read_text())
    module = import_model(root / "models" / "team13_PRFDN.py")
    kwargs = {"branches": 2, "upscale": 3, "keep": 0.25} if form == "x3" else {}
    # Shapes alone: a real pass over this size takes 10 s, and gave the same numbers.
    network = module.PRFDN(**kwargs).to("meta")
    for name in (f"{form}_runtime_script_default", f"{form}_landscape"):
        fact = facts["counts_at_rtsr_sizes"][name]
        calls = layer_calls(network, tuple(fact["input"]))
        assert sum(call.flops for call in calls) == fact["flops_official"]
        assert activations(calls)[0] == fact["acts_official"]
        assert sum(p.numel() for p in network.parameters()) == fact["params"]
    if form == "x2":
        assert f"{fact['flops_official'] / 1e9:.4f}" == "58.5454"
        assert f"{fact['params'] / 1e6:.4f}" == "0.0299"
