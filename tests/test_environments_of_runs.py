"""Submissions that need packages, measured in one run beside those that cannot have theirs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness import BY_TIME, PATIENCE_S, ROOT, Harness, tiny, write_pairs
from package_index import NOBODY, served, write_source, write_wheel

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
HONEST = {1: "1.0", 8: "2.0", 9: None}
"""Version of the package that each needs."""
LIMIT_S = 10
"""For an environment: pip takes a second or two."""


@dataclass(frozen=True)
class Defect:
    """What one submission needs, and what its row has to say."""

    needs: str
    said: str
    """What is wrong."""
    remedy: str
    """What to do."""
    printed: str
    """What its log tells."""


_STATES = "state another one by `requirements` in its sidecar or python -m esr env prepare --with"
DEFECTS = {
    10: Defect("esr_nowhere", "no such package or version: .*nowhere", _STATES, "nowhere"),
    11: Defect("esr_old", "versions exclude one another: .*torch<2", _STATES, "torch"),
    12: Defect("esr_far", "no network: .*127.0.0.1:9", "--wheels DIR", "127.0.0.1"),
    13: Defect("esr_large", "the disk is full: ", "make room in ", "No space left"),
    14: Defect("esr_hangs", f"not made in time: {LIMIT_S} s", "--install_timeout", ""),
    15: Defect("esr_fails", "it cannot be built: .*tired", "the log says why", "tired"),
    16: Defect("esr_hostile", "it cannot be built: .*tired", "the log says why", "REFUSED"),
}
ABSENT, CONFLICT, FAR, LARGE, HANGS, FAILS, HOSTILE = DEFECTS


def _label(number: int) -> str:
    return f"{number:02d}_Net"


_CHANGES = re.compile(
    r"busy_cores|peak_rss_mib|isolation|request/sandbox|provenance/(date|command)|.*_share$|counts/side/looks"
    r"|splits/0/(parent_ms|images/\d+/runtime_ms)"
)
"""In a record, from one run to the next."""


def _flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Name every value of some JSON by the way to it."""
    if not isinstance(value, dict | list):
        yield path, value
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        yield from _flat(part, f"{path}/{key}".lstrip("/"))


class Run:
    """A harness with honest submissions and others, and what `--install` made of them."""

    def __init__(self, path: Path, shelf: Path, *, is_small: bool) -> None:
        self.shelf, self.packages, self.temporary = shelf, path / "packages", path / "temporary"
        self.is_small = is_small
        self.harness = Harness(path / "harness")
        self.temporary.mkdir()
        self.intruder = self.harness.path / "esr" / "intruder.py"
        self._write_packages(self.packages)
        shutil.copy(ROOT / "requirements.txt", self.harness.path)
        self.harness.count_at(32)
        for number, version in HONEST.items():
            code = NEEDS.format(version=version) if version else NEEDS_NONE
            self._add(number, f"esr_colour=={version}" if version else None, code)
        for number, defect in DEFECTS.items():
            self._add(number, defect.needs, "")

    def _write_packages(self, folder: Path) -> None:
        demo = self.harness.path / "data" / "demo"
        write_pairs(demo)
        for version in ("1.0", "2.0"):
            write_wheel(folder, version)
        write_wheel(folder, "1.0", requires="torch<2", name="esr_old")
        write_wheel(folder, "1.0", name="esr_large", payload=os.urandom(24 * 2**20))
        tries = [
            f"open({str(demo / 'HR' / 'a.png')!r}, 'rb')",
            f"open({str(self.intruder)!r}, 'w')",
        ]
        write_source(folder, tries, hangs=False, own=True)
        write_source(folder, [], hangs=False, name="esr_fails", own=True)
        begins = ["open(__import__('os').environ['TMPDIR'] + '/begun', 'w').close()"]
        write_source(folder, begins, hangs=True, name="esr_hangs", own=True)

    def _add(self, number: int, needs: str | None, code: str) -> None:
        sidecar = f'requirements = ["{needs}"]\n' if needs else None
        self.harness.add(f"team{number:02d}_Net", tiny() + code, sidecar=sidecar)

    def measure(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command, and see that it leaves no temporary file."""
        done = self.harness.run("--device", "cpu", *arguments)
        assert not list(self.temporary.iterdir())
        return done

    def environments(self) -> set[str]:
        """Name the files of packages in all that is on the shelf."""
        return {file.name for layer in self.shelf.iterdir() for file in layer.glob("*.py")}

    def prepare(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m esr env prepare`."""
        return subprocess.run(
            [sys.executable, "-m", "esr", "env", "prepare", *arguments],
            capture_output=True,
            text=True,
            cwd=self.harness.path,
            timeout=PATIENCE_S,
        )

    def record(self, number: int) -> dict[str, object]:
        """Read what was measured of a submission, but for times, command and sandbox."""
        record = self.harness.record(_label(number))
        record["flags"] = [flag for flag in record["flags"] if flag["name"] not in BY_TIME]
        return {key: value for key, value in _flat(record) if not _CHANGES.match(key)}

    def kill_while_it_is_built(self, number: int) -> None:
        """Begin to prepare a submission, and kill the command while it waits for its build."""
        command = [sys.executable, "-m", "esr", "env", "prepare", "--model_id", str(number)]
        with subprocess.Popen(command, cwd=self.harness.path) as process:
            while not list(self.shelf.glob(".making-*/tmp/**/begun")):
                assert process.poll() is None
                time.sleep(0.05)
            process.kill()

    def holders(self) -> list[str]:
        """Name the processes that work on the shelf."""
        found = []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                found += [str(link)] if str(self.shelf) in str(link.readlink()) else []
        return found

    def failure(self, number: int) -> dict[str, Any]:
        """Read why a submission has failed."""
        return json.loads(
            (self.harness.results / "failures" / f"{_label(number)}.json").read_text()
        )


@contextmanager
def _disk(folder: Path, size: str) -> Iterator[bool]:
    """Mount a small file system where that is allowed, and say whether it is."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    is_there = shutil.which("mount") is not None and subprocess.run(mount).returncode == 0
    try:
        yield is_there
    finally:
        if is_there:
            # A disk that somebody still works on is as bad as a file that is left.
            subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    path = tmp_path_factory.mktemp("run")
    shelf = path / "cache" / "esr" / "environments"
    far = {"esr-far": f"{NOBODY}/esr_far-1.0-py3-none-any.whl"}
    with _disk(shelf, "16m") as is_small, pytest.MonkeyPatch.context() as patch:
        made = Run(path, shelf, is_small=is_small)
        with served(made.packages, far) as index:
            patch.setenv("XDG_CACHE_HOME", str(path / "cache"))
            patch.setenv("TMPDIR", str(made.temporary))
            for name in ("NO_PROXY", "no_proxy"):
                patch.setenv(name, "127.0.0.1")
            for tool, name in (("PIP", "INDEX_URL"), ("UV", "DEFAULT_INDEX")):
                patch.setenv(f"{tool}_{name}", index)
            for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX"):
                patch.delenv(name, raising=False)
            patch.setenv("PIP_RETRIES", "0")
            patch.setenv("UV_HTTP_RETRIES", "0")
            yield made


@pytest.fixture(scope="module")
def done(run: Run) -> subprocess.CompletedProcess[str]:
    numbers = [*HONEST, *(n for n in DEFECTS if n != LARGE or run.is_small)]
    ids = map(str, sorted(numbers))
    return run.measure(
        "--model_id", *ids, "--no_sandbox", "--install", "--install_timeout", str(LIMIT_S)
    )


def test_each_has_its_own_and_who_needs_none_sees_none(
    run: Run, done: subprocess.CompletedProcess[str]
) -> None:
    psnr = set()
    for number, version in HONEST.items():
        record = run.harness.record(_label(number))
        lock = record["provenance"]["environment"]
        assert [line.partition(" ")[0] for line in lock] == (
            [f"esr-colour=={version}"] if version else []
        )
        tried = {"wrote_files"} if version else set()
        assert {flag["name"] for flag in record["flags"]} - set(BY_TIME) == tried
        psnr |= {image["scores"]["psnr"] for image in record["splits"][0]["images"]}
        if version and landlock.version():
            printed = (run.harness.results / "logs" / f"{_label(number)}.log").read_text()
            assert "READ-ONLY" in printed
    # One network in three rows: each has one figure for each of two images.
    assert len(psnr) == 2
    # One for each version, and nothing half made.
    assert [*run.environments()] == ["esr_colour.py"]
    assert len([*run.shelf.iterdir()]) == 2


@pytest.mark.parametrize("number", DEFECTS)
def test_each_defect_is_one_row_that_says_what_to_do(
    run: Run, done: subprocess.CompletedProcess[str], number: int
) -> None:
    if number == LARGE and not run.is_small:
        pytest.skip("no small file system can be mounted here")
    defect, failure = DEFECTS[number], run.failure(number)
    assert done.returncode == 1
    assert failure["stage"] == "environment"
    assert re.match(defect.said, failure["reason"])
    assert defect.remedy in failure["reason"]
    log = run.harness.results / "logs" / f"{_label(number)}.environment.log"
    assert failure["log"] == str(log)
    assert log.stat().st_size
    assert defect.printed in log.read_text()
    line = f"{_label(number)}: failed (environment): {failure['reason']} [log: {log}]"
    assert line in done.stdout.splitlines()
    assert not (run.harness.results / "records" / f"{_label(number)}.json").exists()
    if landlock.version():
        assert "DONE" not in log.read_text()
    assert not run.intruder.exists()


def test_no_row_changes_by_what_fails_beside_it(
    run: Run, done: subprocess.CompletedProcess[str]
) -> None:
    beside = {number: run.record(number) for number in (1, 8)}
    # Without being asked to, nothing is fetched, and what is there is used.
    # By their names, so in bubblewrap where that works.
    alone = run.measure("--model_id", "team01*", "team08*", "--force")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    for number, then in beside.items():
        now = run.record(number)
        changed = {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)}
        assert not changed


def test_what_failed_is_tried_again_and_what_is_measured_is_kept(
    run: Run, done: subprocess.CompletedProcess[str]
) -> None:
    records = run.harness.results / "records"
    kept = {number: (records / f"{_label(number)}.json").read_bytes() for number in (1, 8)}
    before = run.failure(CONFLICT)
    write_wheel(run.packages, "1.1", name="esr_fails")  # As its row says.
    ids = map(str, (1, 8, CONFLICT, FAILS))
    again = run.measure("--model_id", *ids, "--resume", "--install")
    assert again.returncode == 1, again.stdout + again.stderr
    assert again.stdout.count("kept: ") == 2
    for number, record in kept.items():
        assert (records / f"{_label(number)}.json").read_bytes() == record
    assert run.failure(CONFLICT)["reason"] == before["reason"]
    assert run.failure(CONFLICT)["date"] > before["date"]
    assert str(run.record(FAILS)["provenance/environment/0"]).startswith("esr-fails==1.1 ")
    assert not (run.harness.results / "failures" / f"{_label(FAILS)}.json").exists()
    assert run.environments() == {"esr_colour.py", "esr_fails.py"}


def test_prepared_alone_each_has_the_reason_that_its_row_has_and_a_killed_one_leaves_nothing(
    run: Run, done: subprocess.CompletedProcess[str]
) -> None:
    run.kill_while_it_is_built(HANGS)
    (half,) = run.shelf.glob(".making-*")
    assert (half / "environment").is_dir()
    numbers = [CONFLICT, HOSTILE, *([LARGE] if run.is_small else [])]
    prepared = run.prepare("--model_id", "1", *map(str, numbers))
    assert prepared.returncode == 1
    assert prepared.stdout.splitlines() == ["01_Net: esr-colour==1.0"]
    assert sorted(prepared.stderr.splitlines()) == sorted(
        f"{_label(number)}: failed (environment): {failure['reason']} [log: {failure['log']}]"
        for number in numbers
        for failure in [run.failure(number)]
    )
    assert not list(run.shelf.glob(".making-*"))
    assert not run.holders()


def test_without_a_network_that_is_what_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, f"{NOBODY}/simple")
    prepared = run.prepare("--model_id", str(ABSENT))
    assert prepared.returncode == 1
    (line,) = prepared.stderr.splitlines()
    assert "no network: " in line
    assert "--wheels DIR" in line
