"""Submissions that need versions which exclude one another, measured in one run."""

from __future__ import annotations

import shutil

import pytest
from harness import ROOT, Harness, tiny, write_pairs
from test_environments import write_wheel

NEEDS = """
import esr_colour
if esr_colour.VERSION != {version!r}:
    raise RuntimeError(esr_colour.VERSION)
"""
NEEDS_NONE = """
import importlib.util
if importlib.util.find_spec('esr_colour') is not None:
    raise RuntimeError('there is one')
"""


def test_each_has_its_own_and_who_needs_none_sees_none(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    harness = Harness(tmp_path / "harness")
    shutil.copy(ROOT / "requirements.txt", harness.path)
    write_pairs(harness.path / "data" / "demo")
    codes = {1: "1.0", 2: "2.0", 3: None, 4: "9.0"}
    for number, version in codes.items():
        code = NEEDS.format(version=version) if version else NEEDS_NONE
        harness.add(f"team{number:02d}_Net", tiny(before="") + code)
        if version:
            sidecar = harness.path / "models" / f"team{number:02d}_Net.toml"
            sidecar.write_text(f'requirements = ["esr_colour=={version}"]\n')
        if version in ("1.0", "2.0"):
            write_wheel(tmp_path / "wheels", version)
    run = ("--model_id", "1", "2", "3", "4", "--device", "cpu", "--install")
    done = harness.run(*run, "--wheels", str(tmp_path / "wheels"))
    assert done.returncode == 1, done.stdout + done.stderr
    for number in (1, 2, 3):
        locked = harness.record(f"{number:02d}_Net")["provenance"]["environment"]
        expected = [f"esr_colour=={codes[number]}"] if codes[number] else []
        assert [line.partition(" ")[0] for line in locked] == expected
    assert "04_Net failed (environment)" in done.stdout
    assert (harness.results / "logs" / "04_Net.environment.log").exists()
    # Without being asked to, nothing is fetched, and what is there is used.
    again = harness.run("--model_id", "1", "--device", "cpu", "--force")
    assert again.returncode == 0, again.stdout + again.stderr
