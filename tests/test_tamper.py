"""What stands for another object than before is named; what does not is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from esr.audit.replaced_functions import CLOCKS, READERS, Fingerprints, changes, our_names, settings
from esr.measure import restore, timing


def test_nothing_has_changed_where_nothing_was_changed() -> None:
    fingerprints = Fingerprints((*CLOCKS, *READERS, *our_names()))
    torch.nn.Conv2d(3, 3, 3)(torch.rand(1, 3, 8, 8))
    assert fingerprints.changed() == []
    assert changes(settings(), settings()) == []


def test_another_clock_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(CLOCKS)
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    monkeypatch.setattr(torch.cuda.Event, "elapsed_time", lambda *_: 1.0)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    assert fingerprints.changed() == [
        "time.perf_counter",
        "torch.cuda.Event.elapsed_time",
        "torch.cuda.synchronize",
    ]


def test_the_stopwatches_keep_the_clocks_they_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter_ns", lambda: 0)
    _, lap = timing.WallStopwatch().time(lambda: sum(range(1000)))
    assert lap.ms > 0


def test_a_function_of_ours_with_other_code_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(our_names())
    monkeypatch.setattr(restore.check_finite, "__code__", (lambda low, high: None).__code__)
    # And wherever it has been imported to.
    assert {name.split(".")[-1] for name in fingerprints.changed()} == {"check_finite"}
    assert "esr.measure.restore.check_finite" in fingerprints.changed()


def test_a_method_of_ours_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(our_names())
    monkeypatch.setattr(timing.WallStopwatch, "time", lambda *_: None)
    assert fingerprints.changed() == ["esr.measure.timing.WallStopwatch.time"]


def test_settings_are_named_with_both_values() -> None:
    before = settings()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            found = changes(before, settings())
    finally:
        torch.set_default_dtype(torch.float32)
    assert found == [
        "default dtype from torch.float32 to torch.float64",
        "grad mode from True to False",
    ]


SETTINGS = {
    "default dtype": "torch.set_default_dtype(torch.float64)",
    "threads": "torch.set_num_threads(torch.get_num_threads() + 1)",
    "interop threads": "torch.set_num_interop_threads(torch.get_num_interop_threads() + 1)",
    "grad mode": "torch.set_grad_enabled(False)",
    "autocast on the CPU": "torch.set_autocast_enabled('cpu', True)",
    "autocast on the GPU": "torch.set_autocast_enabled('cuda', True)",
    "inference mode": "guard = torch.inference_mode(); guard.__enter__()",
    "cudnn.enabled": "torch.backends.cudnn.enabled = False",
    "cudnn.benchmark": "torch.backends.cudnn.benchmark = True",
    "cudnn.deterministic": "torch.backends.cudnn.deterministic = True",
    "cudnn.allow_tf32": "torch.backends.cudnn.allow_tf32 = False",
    "cuda.matmul.allow_tf32": "torch.backends.cuda.matmul.allow_tf32 = True",
    "cuda.matmul fp16 reductions": "torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False",
    "cuda.matmul bf16 reductions": "torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False",
    "float32 matmul precision": "torch.set_float32_matmul_precision('medium')",
    "flush denormals": "torch.set_flush_denormal(True)",
    "deterministic algorithms": "torch.use_deterministic_algorithms(True)",
    "trace and profile functions": "sys.setprofile(lambda *_: None)",
    "signal handlers": "import signal; signal.signal(signal.SIGALRM, lambda *_: None)",
    "timers": "import signal; signal.setitimer(signal.ITIMER_VIRTUAL, 1000)",
    "callbacks of the collector": "import gc; gc.callbacks.append(lambda *_: None)",
    "priority": "import os; os.nice(1)",
    "cores": "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])",
    "switch interval": "import sys; sys.setswitchinterval(0.5)",
    "default device": "torch.set_default_device('meta')",
}

PROGRAM = """
import json, sys
import torch
from esr.audit.replaced_functions import changes, settings
seen = {}
for name, statement in json.loads(sys.argv[1]).items():
    before = settings()
    exec(statement)
    seen[name] = changes(before, settings())
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def changed(root: Path) -> dict[str, list[str]]:
    """What is said after each statement, all of them in one process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(SETTINGS)],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_setting_that_is_read_is_changed_in_this_test() -> None:
    assert set(settings()) == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_changed_setting_is_named(changed: dict[str, list[str]], name: str) -> None:
    if name == "cores" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("this machine has a single core")
    assert any(line.startswith(f"{name} from ") for line in changed[name]), changed


def test_a_counter_that_is_lied_to_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(READERS)
    monkeypatch.setattr(torch.nn.Module, "parameters", lambda self: iter(()))
    assert fingerprints.changed() == ["torch.nn.Module.parameters"]
