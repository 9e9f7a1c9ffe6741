"""`--check`: a clean submission keeps every rule, and each rule has one that breaks it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import Harness, nearest_state, run_program, smooth_image, tiny
from torch import Tensor, nn

from esr.evaluate.judge_data_range import DataRangeVerdict
from esr.evaluate.worker.build_network import Built, make_bench
from esr.measure.counts.complexity import count
from esr.measure.job import JobFailure
from esr.records.measurement import Flag
from esr.sandbox.inside.audit_events import SideEffect
from esr.submissions.discovery import discover
from esr.submissions.sidecar import Claims, Sidecar
from esr.submissions.submission import Broken, Submission
from esr.tools.check.check_submission import RULES
from esr.tools.check.figure_rules import FIGURES, START, Trial
from esr.tools.check.network_rules import NETWORK
from esr.tools.check.rule import CheckAnswer, Finding, NotReached, Rule, Violation, try_rule
from esr.tools.check.source_rules import SOURCE, SourceFiles
from esr.tools.check.subject import Subject

OBSERVED = ("files written", "network access", "foreign files", "other programs")


class Tiny(nn.Module):
    """Repeats every LR pixel 4 x 4 times; what a test breaks is `spoil`."""

    def __init__(self, spoil=lambda self, x, sr: sr) -> None:
        super().__init__()
        self.body, self.up = nn.Conv2d(3, 48, 3, padding=1), nn.PixelShuffle(4)
        self.load_state_dict(nearest_state())
        self.requires_grad_(False)
        self.spoil, self.calls, self.last = spoil, 0, 0.0

    def forward(self, x: Tensor) -> Tensor:
        sr = self.spoil(self, x, self.up(self.body(x)))
        self.calls, self.last = self.calls + 1, float(x.mean())
        return sr


def _refuse(ok: bool, sr: Tensor) -> Tensor:
    if not ok:
        raise RuntimeError("this size is not for me")
    return sr


BROKEN = {
    "output size": lambda net, x, sr: sr[..., 1:],
    "float32": lambda net, x, sr: sr.half(),
    "finite": lambda net, x, sr: sr.log() * 0 if x.shape[-1] == 64 else sr,
    "in range": lambda net, x, sr: sr * 255,
    "deterministic": lambda net, x, sr: sr + 1e-3 * torch.rand(()),
    "order of images": lambda net, x, sr: sr + 1e-3 * (net.last != 0) * abs(net.last - x.mean()),
    "batch": lambda net, x, sr: sr + 0.5 * (x.mean() - x.mean((1, 2, 3), keepdim=True)),
    "small images": lambda net, x, sr: _refuse(
        min(x.shape[-2:]) >= 64 or x.shape[-2] != x.shape[-1], sr
    ),
    "odd sizes": lambda net, x, sr: _refuse(x.shape[-1] % 8 == 0, sr),
}
"""By rule: what makes `Tiny` break it."""

ALSO = {
    "order of images": {"deterministic"},
    "deterministic": {"order of images"},
    "output size": set(BROKEN),
}
"""What cannot be broken without breaking these too."""


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    return [smooth_image(72, 80, seed) for seed in range(3)]


class Unseen:
    """Side effects that are told, not seen."""

    def __init__(self, *told: SideEffect) -> None:
        self.seen = list(told)

    watching = staticmethod(lambda: torch.no_grad())


def _by_network_rules(
    network: nn.Module, photographs: list[np.ndarray], *told: SideEffect, white: float = 1.0
) -> dict[str, Finding]:
    sidecar = Sidecar(data_range=white)
    bench = make_bench(Built(torch.device("cpu"), network.eval(), sidecar, network))
    subject = Subject(bench, Unseen(*told), photographs)
    return {rule.name: try_rule(rule, subject) for rule in NETWORK}


def _failed(findings: dict[str, Finding]) -> set[str]:
    return {name for name, found in findings.items() if found.state == "failed"}


def test_a_clean_network_keeps_every_rule(photographs: list[np.ndarray]) -> None:
    findings = _by_network_rules(Tiny(), photographs)
    assert {found.state for found in findings.values()} == {"passed"}
    assert findings["small images"].detail == "from 1x1 px"


def test_every_network_rule_has_a_network_that_breaks_it() -> None:
    assert {*BROKEN, *OBSERVED} == {rule.name for rule in NETWORK}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_network_breaks_its_rule(rule: str, photographs: list[np.ndarray]) -> None:
    findings = _by_network_rules(Tiny(BROKEN[rule]), photographs)
    assert rule in _failed(findings) <= {rule, *ALSO.get(rule, set())}
    assert findings[rule].fatal == (rule != "batch")
    assert findings[rule].detail


def test_a_network_that_restores_nothing_is_told_so_once(photographs: list[np.ndarray]) -> None:
    findings = _by_network_rules(Tiny(lambda net, x, sr: _refuse(False, sr)), photographs)
    assert _failed(findings) == {"output size"}
    tried = {name for name, found in findings.items() if found.state != "skipped"}
    assert tried == {"output size", *OBSERVED}


@pytest.mark.parametrize("of_size", [lambda x: True, lambda x: x.shape[-1] == 64])
def test_nothing_more_is_said_of_an_output_that_holds_nan(
    photographs: list[np.ndarray], of_size: Callable[[Tensor], bool]
) -> None:
    network = Tiny(lambda net, x, sr: sr * float("nan") if of_size(x) else sr)
    findings = _by_network_rules(network, photographs)
    assert _failed(findings) == {"finite"}
    passed = {name for name, found in findings.items() if found.state == "passed"}
    assert passed == {"output size", "float32", *OBSERVED}


def test_nan_at_some_sizes_or_times_is_called_so(photographs: list[np.ndarray]) -> None:
    small = Tiny(lambda net, x, sr: sr * (1 if x.shape[-1] >= 53 else float("nan")))
    findings = _by_network_rules(small, photographs)
    seen = findings["small images"].detail
    assert seen == "no square of up to 48 px: the output holds NaN or infinity"
    late = Tiny(lambda net, x, sr: sr * (1 if net.calls < 9 else float("nan")))
    seen = _by_network_rules(late, photographs)["deterministic"].detail
    assert seen == "the output holds NaN or infinity the second time"


@pytest.mark.parametrize(
    ("white", "spoil", "advice"),
    [
        # What takes and returns 0 to 255 works with that range declared.
        (1.0, lambda x, sr: sr if x.max() > 1.5 else sr + 114, "state data_range = 255.0"),
        (255.0, lambda x, sr: sr.clamp(0, 1), "state data_range = 1.0"),
        # What returns another range than it takes works with neither.
        (1.0, lambda x, sr: sr * 255, "divide the output by 255"),
        (255.0, lambda x, sr: sr / 255, "multiply the output by 255"),
        (1.0, lambda x, sr: sr * 0 + 0.9 * x.max(), "both have [0, 1], whatever data_range says"),
    ],
)  # fmt: skip
def test_a_wrong_range_is_told_from_an_output_of_another_range(
    photographs: list[np.ndarray],
    white: float,
    spoil: Callable[[Tensor, Tensor], Tensor],
    advice: str,
) -> None:
    network = Tiny(lambda net, x, sr: spoil(x, sr))
    found = _by_network_rules(network, photographs, white=white)["in range"]
    assert found.state == "failed"
    assert advice in found.advice
    assert (advice.startswith("state")) == found.advice.startswith("state")


def test_a_network_that_stops_working_is_told_from_one_that_never_did(
    photographs: list[np.ndarray],
) -> None:
    network = Tiny(lambda net, x, sr: _refuse(net.calls < 4, sr))
    findings = _by_network_rules(network, photographs)
    assert findings["output size"].state == "passed"
    assert findings["finite"].detail == "RuntimeError: this size is not for me"
    assert "skipped" not in {found.state for found in findings.values()}


@pytest.mark.parametrize("smallest", [1, 2, 15, 48])
def test_the_smallest_size_is_found_exactly(smallest: int, photographs: list[np.ndarray]) -> None:
    network = Tiny(lambda net, x, sr: _refuse(min(x.shape[-2:]) >= smallest, sr))
    assert (
        _by_network_rules(network, photographs)["small images"].detail
        == f"from {smallest}x{smallest} px"
    )


@pytest.mark.parametrize(
    ("kind", "rule"),
    list(zip(("write", "network", "read", "process"), OBSERVED, strict=True)),
)
def test_what_was_observed_breaks_its_rule(
    kind: str, rule: str, photographs: list[np.ndarray]
) -> None:
    findings = _by_network_rules(
        Tiny(), photographs, *(SideEffect(kind, path, "library") for path in ("/x/y", "/x/z"))
    )
    assert _failed(findings) == {rule}
    assert findings[rule].detail == "/x/y and 1 more"


def test_side_effects_on_own_files_are_told_from_those_on_foreign_ones(tmp_path: Path) -> None:
    program = f"""
import os, socket, subprocess, sys
from pathlib import Path
from esr.tools.check.subject import SideEffects
from esr.sandbox.inside import audit_hook as observer
here = Path({str(tmp_path)!r})
for name in ("model.py", "other.py"):
    (here / name).write_text("")
os.mkdir(here / "own"), os.chdir(here / "own")
effects = SideEffects(here / "own", [here / "model.py"])
sys.path.append(str(here))  # What a submission adds is no place of Python's.
observer.install(effects.judge)
(here / "before").write_text("not watched")
with effects.watching():
    (here / "model.py").read_text(), Path("x.npy").exists()
    import wave, colorsys
    open(os.devnull, "w").close()
    os.listdir(here)
    assert effects.seen == [], effects.seen
    (here / "other.py").read_bytes()
    (here / "own" / "mine.txt").write_text("x")
    (here / "own" / "mine.txt").read_text()
    os.open(here / "other.py", os.O_RDWR)
    subprocess.run(["true"])
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=0.1)
    except OSError:
        pass
(here / "after").write_text("not watched")
print([seen.kind for seen in effects.seen])
print([seen.what for seen in effects.seen if seen.kind in ("read", "write")])
"""
    kinds, paths = (eval(line) for line in run_program(program).splitlines())
    assert sorted(set(kinds)) == ["network", "process", "read", "write"]
    other, mine = str(tmp_path / "other.py"), str(tmp_path / "own" / "mine.txt")
    assert paths == [other, mine, other]


SOURCES = {
    "syntax": ("team03_Net", tiny() + "\nclass (\n", "team03_Net.pth"),
    "TOML file": ("team03_Net", tiny(), "team03_Net.pth"),
    "file name": ("team3_Net", tiny(), "team03_x.pth"),
    "checkpoint name": ("team03_Net", tiny(), "team30_Net.pth"),
    "one file": (
        "team03_Net",
        "def f():\n    from models import team03_blocks\n" + tiny(),
        "team03_Net.pth",
    ),
    "own work": (
        "team03_Net",
        tiny(before="__import__('os').stat('team04_Other.pth')"),
        "team03_Net.pth",
    ),
}


def _by_source_rules(harness: Harness, model_id: int) -> dict[str, Finding]:
    (entry,) = (entry for entry in discover(harness.path) if entry.model_id == model_id)
    return {rule.name: try_rule(rule, SourceFiles(entry, harness.path)) for rule in SOURCE}


@pytest.mark.parametrize("rule", [rule.name for rule in SOURCE])
def test_broken_files_break_their_rule(harness: Harness, rule: str) -> None:
    stem, source, checkpoint = SOURCES[rule]
    sidecar = "scales = 4\n" if rule == "TOML file" else None
    harness.add(stem, source, checkpoint=checkpoint, sidecar=sidecar)
    findings = _by_source_rules(harness, 3)
    assert _failed(findings) == {rule}
    named = {"syntax": "models/team03_Net.py, line 15: ", "TOML file": "models/team03_Net.toml: "}
    assert findings[rule].detail.startswith(named.get(rule, ""))
    assert _failed(_by_source_rules(harness, 0)) == set()


@pytest.mark.parametrize(
    "code",
    [
        "from . import blocks", "from .team03_blocks import f", "import models.team00_Tiny", "import fmen",
        "from esr.submissions.sidecar import Sidecar", "importlib.import_module('models.blocks')", "__import__('models.x')",
    ],
)  # fmt: skip
def test_a_module_of_the_repository_is_no_library(harness: Harness, code: str) -> None:
    (harness.path / "models" / "fmen.py").write_text("")
    harness.add("team03_Net", f"import importlib\n{code}\n{tiny()}")
    assert "one file" in _failed(_by_source_rules(harness, 3))


@pytest.mark.parametrize(
    "code",
    [
        "import timm.models.layers",
        "import math, torch",
        "from data_of_mine import x",
        '"""As team07_X does."""',
    ],
)
def test_libraries_and_docstrings_are_free(harness: Harness, code: str) -> None:
    harness.add("team03_Net", f"{code}\n{tiny()}")
    assert _failed(_by_source_rules(harness, 3)) == set()


def test_a_file_that_no_registry_can_read_is_one_finding(harness: Harness) -> None:
    entry = Broken(
        3, "03_Net", harness.path / "models" / "team03_Net.py", "team03_Net.toml: unknown key 'x'"
    )
    findings = {rule.name: try_rule(rule, SourceFiles(entry, harness.path)) for rule in SOURCE}
    assert findings["file name"].detail == entry.reason
    assert findings["checkpoint name"].state == "skipped"


@pytest.fixture(scope="module")
def trial() -> Trial:
    submission = Submission(3, "Net", Path("models/team03_Net.py"), Path("team03_Net.pth"))
    return Trial(
        submission,
        CheckAnswer(counts=count(Tiny().eval(), (3, 32, 32))),
        DataRangeVerdict(),
        "fvcore",
    )


def _by_reports(trial: Trial) -> dict[str, Finding]:
    return {rule.name: try_rule(rule, trial) for rule in (*START, *FIGURES)}


def test_a_clean_report_keeps_every_rule(trial: Trial) -> None:
    assert {found.state for found in _by_reports(trial).values()} == {"passed"}


@pytest.mark.parametrize(
    ("stage", "rule"), [("import", "import"), ("build", "build"), ("load", "checkpoint")]
)
def test_a_network_that_stops_early_breaks_one_rule(trial: Trial, stage: str, rule: str) -> None:
    stopped = replace(
        trial, answer=CheckAnswer(failure=JobFailure(stage, "because")), in_ranges=None
    )
    findings = _by_reports(stopped)
    assert _failed(findings) == {rule}
    assert findings[rule].detail == "because"
    assert {findings[rule.name].state for rule in FIGURES} == {"skipped"}


def test_a_network_that_cannot_be_counted_is_not_ready(trial: Trial) -> None:
    for answer in (CheckAnswer(), CheckAnswer(failure=JobFailure("count", "killed"))):
        findings = _by_reports(replace(trial, answer=answer))
        assert _failed(findings) == {"counting"}
        assert findings["counting"].fatal
        assert findings["counters agree"].state == findings["claims agree"].state == "skipped"
        assert findings["checkpoint"].state == "passed"


def test_figures_that_differ_break_their_rules(trial: Trial) -> None:
    wrong = replace(
        trial, in_ranges=DataRangeVerdict("note", (Flag("wrong_data_range", "20 dB and 30 dB"),))
    )
    assert _failed(_by_reports(wrong)) == {"data range"}
    hidden = replace(trial.answer.counts, differs_under=("fvcore",))
    wrong = replace(trial, answer=replace(trial.answer, counts=hidden))
    assert _failed(_by_reports(wrong)) == {"counters agree"}
    assert not _by_reports(wrong)["counters agree"].fatal
    claimed = replace(
        trial.submission,
        sidecar=Sidecar(claims=Claims(params_m=Decimal("0.10"), num_conv=Decimal(1))),
    )
    wrong = replace(trial, submission=claimed)
    assert _failed(_by_reports(wrong)) == {"claims agree"}
    assert _by_reports(wrong)["claims agree"].detail == "claimed params_m 0.10, measured 0.001344"


def test_what_a_network_is_built_with_and_the_range_it_needs_are_said(trial: Trial) -> None:
    assert _by_reports(trial)["build"].detail == "without arguments"
    sidecar = Sidecar(kwargs={"num_feat": 48, "depth": 2})
    built = replace(trial, submission=replace(trial.submission, sidecar=sidecar))
    assert _by_reports(built)["build"].detail == "with num_feat, depth of the TOML file"
    flagged = DataRangeVerdict("note", (Flag("wrong_data_range", "20 dB and 30 dB"),))
    other = replace(trial.answer, other_range=255.0)
    found = _by_reports(replace(trial, answer=other, in_ranges=flagged))["data range"]
    assert found.advice == "state data_range = 255.0 in the TOML file"
    neither = replace(trial, answer=other, in_ranges=DataRangeVerdict("5 dB, as with 255"))
    assert "state data_range" not in _by_reports(neither)["data range"].advice


def test_a_claim_of_either_official_counter_agrees(trial: Trial) -> None:
    counts = replace(
        trial.answer.counts, flops_official=27_102_622_560, flops_fvcore=27_046_231_296
    )
    for claim, counter, state in (
        ("27.10", None, "passed"),
        ("27.05", None, "passed"),
        ("27.5", None, "failed"),
        ("27.10", "official", "passed"),
        ("27.05", "official", "failed"),
        ("27.10", "fvcore", "failed"),
        ("27.05", "fvcore", "passed"),
    ):
        claims = Claims(flops_g=Decimal(claim), flops_counter=counter)
        found = _by_reports(
            replace(
                trial,
                submission=replace(trial.submission, sidecar=Sidecar(claims=claims)),
                answer=replace(trial.answer, counts=counts),
            )
        )
        assert found["claims agree"].state == state


def test_what_a_rule_raises_is_a_finding() -> None:
    for error, state in (
        (Violation("a\x1bb"), "failed"),
        (KeyError("x"), "failed"),
        (NotReached(), "skipped"),
    ):

        def check(_: object, error: Exception = error) -> str:
            raise error

        found = try_rule(Rule("r", check, "advice"), None)
        assert (found.state, found.detail.isprintable()) == (state, True)


def test_names_of_rules_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


DIRTY = """
import contextlib, pathlib, subprocess
here = pathlib.Path(__file__).resolve().parent
with contextlib.suppress(OSError):  # Where a sandbox refuses it, it was tried all the same.
    (here / "trace.txt").write_text("x")
with contextlib.suppress(OSError):
    (here.parent / "data" / "demo" / "HR" / "a.png").read_bytes()
with contextlib.suppress(OSError):
    subprocess.run(["true"])
"""


def test_the_command_tells_clean_from_broken(harness: Harness) -> None:
    """One run over all, since each child takes seconds to start."""
    harness.add("team01_Dirty", DIRTY + tiny())
    harness.add("team02_Exits", tiny(before="__import__('os')._exit(0) if x.shape[-1] == 1 else 0"))
    harness.add(
        "team03_Lax", state={**nearest_state(), "extra": torch.zeros(1)}, sidecar="strict = false\n"
    )
    harness.add("team04_NaN", tiny("self.up(self.body(x)) * float('nan')"))
    done = harness.run("--check", "--model_id", "all")
    assert done.returncode == 1, done.stderr
    blocks = done.stdout.split(" rules\n")[1:]
    assert "00_Tiny is ready: 26 kept." in blocks[0]
    broken = [
        [line[8:25].strip() for line in block.splitlines() if line.startswith("  FAIL")]
        for block in blocks
    ]
    assert broken == [
        [],
        ["files written", "foreign files", "other programs"],
        ["small images"],
        ["checkpoint"],
        ["finite"],
    ]
    assert "04_NaN is not ready: 17 kept, 1 broken, 8 not tried." in blocks[4]
    assert "trace.txt" in blocks[1]
    assert "a.png" in blocks[1]
    assert "exited with status 0" in blocks[2]
    assert "1 unexpected (extra)" in " ".join(blocks[3].split())
    assert done.stdout.splitlines()[-2].split() == ["ready", "00_Tiny"]
    assert "not ready  01_Dirty, 02_Exits, 03_Lax, 04_NaN" in done.stdout.splitlines()[-1]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not harness.results.exists()


def test_a_network_that_hangs_is_stopped(harness: Harness) -> None:
    harness.add("team01_Sleeps", "import time; time.sleep(600)\n" + tiny())
    done = harness.run("--check", "--model_id", "1", "--timeout", "8")
    assert done.returncode == 1, done.stderr
    (failed,) = (line for line in done.stdout.splitlines() if line.startswith("  FAIL"))
    # On a busy machine it may not even have begun: then it has not been imported either.
    assert failed.startswith("  FAIL  import           no result after 8 s (in stage ")
    assert "not ready: 6 kept, 1 broken, 19 not tried." in done.stdout
