"""Submissions of many, and of others, run in bubblewrap unless the user says otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PATIENCE_S, Harness, tiny, write_pairs

from esr.base.errors import UserError
from esr.evaluate import settle_sandbox
from esr.evaluate.options import parse
from esr.sandbox import bubblewrap, isolated_process, landlock


@pytest.mark.parametrize(
    ("arguments", "sandbox", "stated"),
    [
        ([], False, False),
        (["--model_id", "3", "4"], False, False),
        (["--model_id", "all"], True, False),
        (["--model_id", "0", "team0?_X"], True, False),
        (["--model_id", "*Net"], True, False),
        (["--submission", "clone"], True, False),
        (["--model_id", "all", "--no_sandbox"], False, True),
        (["--submission", "clone", "--no_sandbox"], False, True),
        (["--sandbox"], True, True),
    ],
)
def test_who_runs_in_it(root: Path, arguments: list[str], sandbox: bool, stated: bool) -> None:
    chosen = parse(arguments, root).confinement
    assert (chosen.sandbox, chosen.is_sandbox_stated) == (sandbox, stated)


def test_the_driver_is_awake_before_a_gpu_is_tried_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(settle_sandbox, "has_gpu", lambda: True)
    monkeypatch.setattr(isolated_process, "_is_asleep", lambda: "wake" not in done)
    monkeypatch.setattr(isolated_process, "run_module", lambda *_: done.append("wake"))
    monkeypatch.setattr(
        settle_sandbox.subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess((), int(done != ["wake"])),
    )
    settle_sandbox._check_gpu("auto")
    settle_sandbox._check_gpu("cpu")
    assert done == ["wake"]


def test_both_at_once_are_refused(root: Path) -> None:
    with pytest.raises(UserError, match="not allowed with"):
        parse(["--sandbox", "--no_sandbox"], root)


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("default") / "harness")
    harness.count_at(32)
    write_pairs(harness.path / "data" / "demo")
    harness.add("team00_Tiny", tiny())
    return harness


def _run(harness: Harness, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(harness.path / "test_demo.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )


def _isolation(harness: Harness) -> tuple[str, bool]:
    record = harness.record("00_Tiny")
    return record["isolation"], record["request"]["sandbox"]


def test_the_record_says_which_isolation_was_used(harness: Harness) -> None:
    try:
        bubblewrap.check()
    except UserError as error:
        pytest.skip(str(error))
    without = "landlock" if landlock.version() else "process"
    for arguments, expected in (
        (("--model_id", "all"), ("bubblewrap", True)),
        (("--model_id", "all", "--no_sandbox"), (without, False)),
        # What is measured already is measured, in whatever it ran.
        (("--model_id", "all"), (without, False)),
        (("--model_id", "all", "--sandbox"), ("bubblewrap", True)),
        (("--model_id", "0"), (without, False)),
    ):
        done = _run(harness, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert _isolation(harness) == expected


def test_without_bubblewrap_one_line_says_what_that_costs(harness: Harness, tmp_path: Path) -> None:
    for name in ("git", "env"):  # All of PATH but bwrap that is needed.
        (tmp_path / name).symlink_to(shutil.which(name) or "/bin/true")
    done = _run(harness, "--model_id", "all", "--force", PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: no sandbox, for bwrap is not installed")
    assert "the network" in line
    assert _isolation(harness) == ("landlock" if landlock.version() else "process", False)

    assert _run(harness, "--model_id", "all", "--no_sandbox", PATH=str(tmp_path)).stderr == ""
    refused = _run(harness, "--model_id", "all", "--sandbox", PATH=str(tmp_path))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--sandbox: bwrap is not installed" in refused.stderr
