"""`--list` says what a run would find out: packages, syntax, checkpoints that are no good or others'."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch
from clones import write_clone
from harness import nearest_state, tiny
from torch import nn

from esr.submissions.clone.discover_clone import discover_clone
from esr.submissions.discovery import discover
from esr.submissions.foreseen_problems import foresee_problems
from esr.submissions.submission import Broken, CloneSubmission, Submission
from esr.tools.check.check_command import ROOT

DYNAMIC = tiny().replace("super().__init__()", "super().__init__(); setattr(self, 'x', None)")
PARENT = (
    tiny().replace("nn.Module", "Parent").replace("import torch\n", "from timm import Parent\n")
)
OTHERS = {"head.weight": torch.ones(1), "tail.0.bias": torch.ones(1)}


@pytest.fixture
def listed(tmp_path: Path):
    def add(source: str, content: object) -> list[str]:
        for folder in ("models", "model_zoo"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "models" / "team03_Net.py").write_text(source)
        file = tmp_path / "model_zoo" / "team03_Net.pth"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            torch.save(content, file)
        (entry,) = discover(tmp_path)
        assert isinstance(entry, Submission)
        return foresee_problems(entry)

    return add


@pytest.mark.parametrize(
    ("source", "content", "said"),
    [
        (f"import no_such_package\n{tiny()}", nearest_state(), "needs no-such-package"),
        (f"{tiny()}\nclass (\n", nearest_state(), "team03_Net.py, line 15: invalid syntax"),
        (tiny(), b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer"),
        (tiny(), b"<!doctype html><title>Sign in</title>", "is a web page"),
        (tiny(), OTHERS, "is of another network: its keys begin with head, tail, which no class"),
        (tiny(), {"params": OTHERS}, "is of another network"),
    ],
)
def test_what_would_fail_is_foreseen(listed, source: str, content: object, said: str) -> None:
    (problem,) = listed(source, content)
    assert said in problem


WRAPPED = {f"module.generator.{key}": value for key, value in nearest_state().items()}


@pytest.mark.parametrize(
    ("source", "content"),
    [
        (tiny(), nearest_state()),
        (tiny(), {"params_ema": nearest_state(), "step": 3}),
        (tiny(), WRAPPED),
        # Nothing is known of parts that come to be otherwise, or of names without a dot.
        (DYNAMIC, OTHERS),
        (tiny(), {"scale": torch.ones(1)}),
        (tiny(), nn.Conv2d(3, 3, 1)),
    ],
)
def test_nothing_is_said_of_what_may_be_well(listed, source: str, content: object) -> None:
    assert listed(source, content) == []


def test_the_shipped_submissions_are_ready() -> None:
    entries = [entry for entry in discover(ROOT) if not isinstance(entry, Broken)]
    assert {entry.label: foresee_problems(entry) for entry in entries} == {
        entry.label: [] for entry in entries
    }


def test_in_a_clone_it_is_what_select_model_names(tmp_path: Path) -> None:
    entries = {e.model_id: e for e in discover_clone(write_clone(tmp_path / "clone"))}
    problems = {
        number: " ".join(foresee_problems(entry))
        for number, entry in entries.items()
        if isinstance(entry, CloneSubmission)
    }
    assert problems[0] == problems[3] == problems[4] == problems[7] == ""
    assert problems[6] == "no checkpoint: model_zoo/team06.pth"
    assert "absent-package" in problems[5]


def test_nothing_of_a_submission_is_imported(listed) -> None:
    assert listed(f"import sys\nsys.modules['was_imported'] = sys\n{tiny()}", OTHERS)
    assert "was_imported" not in sys.modules


def test_another_version_and_a_stand_in_are_no_absent_packages(tmp_path: Path) -> None:
    clone = write_clone(tmp_path / "clone")
    (clone / "requirements.txt").write_text("tqdm==0.1\nPyYAML>=1\n")
    imports = "import tqdm\nimport yaml\nfrom basicsr.utils.registry import ARCH_REGISTRY\n"
    (clone / "models" / "team05_absent.py").write_text(imports)
    (entry,) = [e for e in discover_clone(clone) if e.model_id == 5]
    assert isinstance(entry, CloneSubmission)
    assert foresee_problems(entry) == [
        "may need more of basicsr than its stand-ins here (--install fetches what can be had)",
        f"asks for tqdm==0.1 ({metadata.version('tqdm')} is here);"
        " --install takes what it asks for",
    ]
