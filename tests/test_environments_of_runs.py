"""Submissions that need versions which exclude one another, measured in one run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from harness import BY_TIME, ROOT, Harness, tiny, write_pairs
from test_environments import write_source, write_wheel

from esr.sandbox import landlock

NEEDS = """
import esr_colour
if esr_colour.VERSION != {version!r}:
    raise RuntimeError(esr_colour.VERSION)
try:
    open(esr_colour.__file__, "a").close()
    print("WRITTEN")
except OSError:
    print("READ-ONLY")
"""
NEEDS_NONE = """
import importlib.util
if importlib.util.find_spec('esr_colour') is not None:
    raise RuntimeError('there is one')
"""


def _add(harness: Harness, number: int, needs: str | None, code: str) -> None:
    sidecar = f'requirements = ["{needs}"]\n' if needs else None
    harness.add(f"team{number:02d}_Net", tiny() + code, sidecar=sidecar)


def test_each_has_its_own_and_who_needs_none_sees_none_whatever_fails_beside_it(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    harness, wheels = Harness(tmp_path / "harness"), tmp_path / "wheels"
    harness.count_at(32)
    shutil.copy(ROOT / "requirements.txt", harness.path)
    demo = harness.path / "data" / "demo"
    write_pairs(demo)
    for version in ("1.0", "2.0"):
        write_wheel(wheels, version)
    write_wheel(wheels, "1.0", requires="torch<2", name="esr_old")
    hr, intruder = demo / "HR" / "a.png", harness.path / "esr" / "intruder.py"
    write_source(wheels, [f"open({str(hr)!r}, 'rb')", f"open({str(intruder)!r}, 'w')"], hangs=False)
    fails = {4: "esr_colour==9.0", 5: "esr_nowhere", 6: "esr_old", 7: "esr_hostile"}
    _add(harness, 1, "esr_colour==1.0", NEEDS.format(version="1.0"))
    for number, needs in fails.items():
        _add(harness, number, needs, "")
    _add(harness, 8, "esr_colour==2.0", NEEDS.format(version="2.0"))
    _add(harness, 9, None, NEEDS_NONE)
    run = ("--model_id", "all", "--device", "cpu", "--no_sandbox")
    done = harness.run(*run, "--install", "--wheels", str(wheels))
    assert done.returncode == 1, done.stdout + done.stderr
    psnr = set()
    for number, locked in ((1, ["esr-colour==1.0"]), (8, ["esr-colour==2.0"]), (9, [])):
        record = harness.record(f"{number:02d}_Net")
        lock = record["provenance"]["environment"]
        assert [line.partition(" ")[0] for line in lock] == locked
        tried = {"wrote_files"} if locked else set()
        assert {flag["name"] for flag in record["flags"]} - set(BY_TIME) == tried
        psnr |= {image["scores"]["psnr"] for image in record["splits"][0]["images"]}
    # One network in three rows: each has one figure for each of two images.
    assert len(psnr) == 2
    for number in fails:
        path = harness.results / "failures" / f"{number:02d}_Net.json"
        failure = json.loads(path.read_text())
        assert failure["stage"] == "environment"
        assert failure["reason"]
        assert Path(failure["log"]).stat().st_size
    assert not intruder.exists()
    # Without being asked to, nothing is fetched, and what is there is used; in bubblewrap, too.
    sandbox = "--sandbox" if shutil.which("bwrap") else "--no_sandbox"
    again = harness.run("--model_id", "1", "--device", "cpu", "--force", sandbox)
    if "not permitted" not in again.stderr:
        assert again.returncode == 0, again.stdout + again.stderr
    if landlock.version():
        for number in (1, 8):
            printed = (harness.results / "logs" / f"{number:02d}_Net.log").read_text()
            assert "READ-ONLY" in printed
        printed = (harness.results / "logs" / "07_Net.environment.log").read_text()
        assert "REFUSED" in printed
        assert "DONE" not in printed


def test_a_folder_of_wheels_that_is_not_there_is_said_before_anything_starts(
    harness: Harness,
) -> None:
    (harness.path / "file.whl").touch()
    for wrong in ("nowhere", "file.whl"):
        done = harness.run("--wheels", str(harness.path / wrong))
        assert done.returncode == 2
        assert wrong in done.stderr
        assert "folder" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not harness.results.exists()
