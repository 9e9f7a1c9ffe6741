"""Seeded cheats through the real command: each is named. Honest submissions: no flag at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from harness import BY_TIME, Harness, nearest_state, smooth_image, tiny, write_image, write_pairs

from esr.audit.audit_rules import clocks, precision_flags, throttling
from esr.audit.seen_by_parent import repeated_outputs
from esr.measure.robust_pass import RobustPass
from esr.measure.timing import Lap
from esr.records.conditions import Conditions, Precision
from esr.records.timing_samples import RobustSamples

NET = """
import threading
import time
import torch
from torch import nn
{top}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 48, 3, padding=1)
        self.up = nn.PixelShuffle(4)
        convs = [nn.Conv2d(64, 64, 3, padding=1, bias=False) for _ in range({depth})]
        self.work = nn.Sequential(*convs)
        {init}

    def compute(self, x):
        # Of one size whatever the image: what is counted on 256 x 256 stays cheap.
        work = self.work(x[..., :20, :20].mean(1, keepdim=True).expand(-1, 64, -1, -1))
        return self.up(self.body(x)) + 0 * work.mean()

    def forward(self, x):
        {forward}
"""

LAZY = """
class Lazy(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunctionSubclass():
            for value in args:
                todo = getattr(value, "todo", None)
                if todo is not None:
                    value.todo = None
                    value.copy_(todo())
            return func(*args, **(kwargs or {}))
"""

JOINING = """
pending = []
detach = torch.Tensor.detach
def joining(*args, **kwargs):
    while pending:
        pending.pop().join()
    return detach(*args, **kwargs)
torch.Tensor.detach = joining
"""


DEPTH = 10
STATE = nearest_state() | {
    f"work.{index}.weight": torch.full((64, 64, 3, 3), 1 / 576) for index in range(DEPTH)
}


def net(forward: str, top: str = "", init: str = "pass") -> str:
    """Source of a network that costs some milliseconds and repeats pixels."""
    body = "\n        ".join(forward.strip().splitlines())
    return NET.format(forward=body, top=top, init=init, depth=DEPTH)


CHEATS = {
    "constructor_warm_up": net("return self.compute(x)", init="self(torch.rand(1, 3, 64, 64))"),
    "cached_output": net(
        """key = x.numpy().tobytes()
if key not in self.kept:
    self.kept[key] = self.compute(x)
return self.kept[key].clone()""",
        init="self.kept = {}",
    ),
    "patched_timer": net(
        "return self.compute(x)",
        top="torch.cuda.Event.elapsed_time = lambda *_: 1.0\ntime.perf_counter_ns = lambda: 0\n",
    ),
    "patched_harness": net(
        "return self.compute(x)",
        top="""
from esr.measure import timing
real = timing.WallStopwatch.time
def halved(self, call):
    result, lap = real(self, call)
    return result, timing.Lap(lap.ms / 2, lap.wall_ms / 2)
timing.WallStopwatch.time = halved
""",
    ),
    "changed_settings": net(
        "return self.compute(x)",
        init="torch.backends.cudnn.benchmark = True; mix_tf32()",
        top="""
def mix_tf32():
    # PyTorch then refuses to read the older names.
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        torch.backends.cuda.matmul.fp32_precision = "tf32"
""",
    ),
    "background_work": net(
        """output = torch.zeros(1, 3, 4 * x.shape[2], 4 * x.shape[3])
# It waits, so that on a busy machine too it is after the return that the work is done.
work = lambda: (threading.Event().wait(0.01), output.copy_(self.compute(x)))
pending.append(threading.Thread(target=work))
pending[-1].start()
return output""",
        top=JOINING,
    ),
    "lazy_output": net(
        """output = torch.zeros(1, 3, 4 * x.shape[2], 4 * x.shape[3]).as_subclass(Lazy)
output.todo = lambda: self.compute(x)
return output""",
        top=LAZY,
    ),
    "half_precision": net(
        """with torch.autocast("cpu", dtype=torch.bfloat16):
    return self.compute(x).float()"""
    ),
    "timed_output_differs": net(
        """self.calls += 1
return self.compute(x) if self.calls <= 2 else torch.zeros_like(self.compute(x))""",
        init="self.calls = 0",
    ),
    "robust_pass_failed": net(
        """self.calls += 1
assert self.calls <= 2, "enough"
return self.compute(x)""",
        init="self.calls = 0",
    ),
}


@pytest.fixture(scope="module")
def cheats(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Every cheat, measured in one run beside two honest submissions."""
    harness = Harness(tmp_path_factory.mktemp("cheats") / "harness")
    for number, (name, source) in enumerate(CHEATS.items(), 1):
        harness.add(f"team{number:02d}_{name}", source, STATE)
    harness.add("team50_tiny", tiny())
    harness.add("team51_honest", net("return self.compute(x)"), STATE)
    write_pairs(harness.path / "data" / "demo")
    done = harness.run("--model_id", "all", "--repeats", "2", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    return harness


def _flags(harness: Harness, label: str) -> dict[str, str]:
    details: dict[str, str] = {}
    for flag in harness.record(label)["flags"]:
        if flag["name"] in BY_TIME:
            continue
        details[flag["name"]] = details.get(flag["name"], "") + flag["detail"]
    return details


@pytest.mark.parametrize(("number", "name"), list(enumerate(CHEATS, 1)))
def test_a_cheat_is_caught_and_named(cheats: Harness, number: int, name: str) -> None:
    assert name in _flags(cheats, f"{number:02d}_{name}")


@pytest.mark.parametrize("name", ["constructor_warm_up", "half_precision"])
def test_a_cheat_is_named_once_and_nothing_else(cheats: Harness, name: str) -> None:
    number = list(CHEATS).index(name) + 1
    assert list(_flags(cheats, f"{number:02d}_{name}")) == [name]


@pytest.mark.parametrize("label", ["50_tiny", "51_honest"])
def test_an_honest_network_raises_no_flag(cheats: Harness, label: str) -> None:
    assert _flags(cheats, label) == {}


def test_flags_say_what_was_seen(cheats: Harness) -> None:
    assert "1x48x64x64" in _flags(cheats, "01_constructor_warm_up")["constructor_warm_up"]
    patched = _flags(cheats, "03_patched_timer")["patched_timer"]
    assert patched == "time.perf_counter_ns, torch.cuda.Event.elapsed_time"
    ours = _flags(cheats, "04_patched_harness")["patched_harness"]
    assert ours == "esr.measure.timing.WallStopwatch.time"
    settings = _flags(cheats, "05_changed_settings")["changed_settings"]
    assert settings.startswith("cudnn.benchmark from False to True")
    assert "Lazy" in _flags(cheats, "07_lazy_output")["lazy_output"]


def test_the_real_clock_times_what_patched_its_own(cheats: Harness) -> None:
    split = cheats.record("03_patched_timer")["splits"][0]
    assert all(image["runtime_ms"] > 0 for image in split["images"])


def test_precision_is_recorded_with_the_flag(cheats: Harness) -> None:
    precision = cheats.record("08_half_precision")["precision"]
    assert precision["weights"] == ["torch.float32"]
    assert precision["arithmetic"] == ["torch.bfloat16"]
    assert precision["autocast"] is True


def test_what_was_measured_once_is_kept_when_it_cannot_be_repeated(cheats: Harness) -> None:
    record = cheats.record("10_robust_pass_failed")
    assert "enough" in _flags(cheats, "10_robust_pass_failed")["robust_pass_failed"]
    assert record["splits"][0]["robust"] is None
    assert len(record["splits"][0]["images"]) == 2


SIDE_STREAM = net(
    """with torch.cuda.stream(self.stream):
    for _ in range(10):
        self.large @ self.large
    return self.compute(x)""",
    init="self.stream, self.large = torch.cuda.Stream(), torch.rand(4096, 4096).cuda()",
)


@pytest.mark.gpu
def test_work_on_a_side_stream_is_flagged_and_an_honest_network_is_not(harness: Harness) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    harness.add("team01_side", SIDE_STREAM, STATE)
    harness.add("team02_honest", net("return self.compute(x)"), STATE)
    done = harness.run("--model_id", "1", "2", "--device", "cuda")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clocks_disagree" in _flags(harness, "01_side")
    assert set(_flags(harness, "02_honest")) <= {"throttled"}
    robust = harness.record("02_honest")["splits"][0]["robust"]
    assert {len(samples) for samples in robust["samples_ms"]} == {5}
    assert robust["conditions"]["wall_ms"] >= robust["mean_ms"]


FACTSHEETS = {
    "team00_RFDN.pth": "team00_rfdn.pth",
    "team05_SRneXt.pth": "srnext_x4.pth",
    "team09_MDRN.pth": "mdrn_s_x4.pth",
    "team13_PRFDN_x2.pth": "PRFDN_x2_state.pth",
    "team16_LKDN.pth": "lkdn_s_x4_deploy.pth",
    "team2026_SPAN.pth": "span_x4_ntire26.pth",
}
"""Names in model_zoo/ of the authors' checkpoints."""


def test_the_baseline_and_the_factsheet_models_raise_no_flag(
    root: Path, shared: Path, tmp_path: Path
) -> None:
    harness = Harness(tmp_path / "harness")
    shutil.copytree(root / "models", harness.path / "models", dirs_exist_ok=True)
    for name, source in FACTSHEETS.items():
        checkpoint = shared / "networks" / "checkpoints" / source
        shutil.copy(checkpoint, harness.path / "model_zoo" / name)
    _save_edrn(harness.path / "model_zoo" / "team01_EDRN.pth")
    demo, hr = harness.path / "data" / "demo", smooth_image(96, 80)
    write_image(demo / "HR" / "a.png", hr)
    for scale in (2, 4):
        write_image(demo / "LR_bicubic" / f"X{scale}" / f"ax{scale}.png", hr[::scale, ::scale])
    # At the official size test_complexity_shipped.py looks at the counters' flags.
    harness.count_at(64)
    done = harness.run("--model_id", "all", "--repeats", "2", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    labels = [path.stem for path in (harness.results / "records").iterdir()]
    assert len(labels) == len(FACTSHEETS) + 1
    assert {label: _flags(harness, label) for label in labels} == {label: {} for label in labels}


def _save_edrn(path: Path) -> None:
    # Its own checkpoint is lost.
    from models.team01_EDRN import EDRN

    torch.manual_seed(0)
    torch.save(EDRN().state_dict(), path)


def test_clocks_may_differ_by_what_launching_takes() -> None:
    launch_bound = [Lap(0.5, 0.6), Lap(0.5, 0.55), Lap(0.5, 9.0)]
    assert list(clocks(launch_bound, "robust")) == []
    assert list(clocks([Lap(100.0, 102.0)], "robust")) == []


@pytest.mark.parametrize("lap", [Lap(0.02, 1.5), Lap(100.0, 120.0), Lap(100.0, 80.0)])
def test_clocks_that_disagree_are_flagged(lap: Lap) -> None:
    # Work on a side stream, and a patched event; an event longer than the wall clock is neither.
    assert [flag.name for flag in clocks([lap] * 3, "robust")] == ["clocks_disagree"]


def test_eight_bits_are_not_sixteen() -> None:
    eight = Precision(("torch.float32",), ("torch.quint8",), ("torch.float32",), autocast=False)
    assert [flag.name for flag in precision_flags(eight)] == ["quantized"]
    full = Precision(("torch.float64",), ("torch.float32",), ("torch.float32",), autocast=False)
    assert list(precision_flags(full)) == []


def _robust(throttled: tuple[tuple[int, int], ...]) -> RobustPass:
    conditions = Conditions(seed=0, warmup_calls=3, unstable_shapes=0, throttled=throttled)
    samples = RobustSamples(((1.0, 1.0),), conditions)
    return RobustPass(samples, [], suspect=None, outputs=2)


def test_a_network_that_is_not_deterministic_is_called_that() -> None:
    (flag,) = repeated_outputs([1], 2, is_repeatable=False)
    assert "1 of 2" in flag.detail
    assert "not deterministic" in flag.detail
    (flag,) = repeated_outputs([1], 2, is_repeatable=True)
    assert "not deterministic" not in flag.detail
    assert list(repeated_outputs([], 2, is_repeatable=False)) == []


def test_throttled_samples_are_flagged() -> None:
    (flag,) = throttling([_robust(((0, 1),))])
    assert (flag.name, "in 1 of 2 samples" in flag.detail) == ("throttled", True)
