"""What an equal run has measured is kept, anything else is measured again, and a killed run loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from harness import PATIENCE_S, Harness, nearest_state, tiny, write_pairs
from synthetic import synthetic_record
from test_import_graph import _imports

from esr.evaluate import provenance, resume
from esr.evaluate.options import Options, parse
from esr.evaluate.staged_data import stage_all
from esr.evaluate.submission_run import RunSetting
from esr.records.record import Failure, Record
from esr.records.results_folder import Row, Store
from esr.submissions.discovery import discover


def _all(harness: Harness, temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, str(harness.path / "test_demo.py"), "--model_id", "all", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "TMPDIR": str(temporary)}
    )


def _finish(process: subprocess.Popen[str]) -> tuple[list[str], int]:
    printed, complaints = process.communicate(timeout=PATIENCE_S)
    assert complaints == ""
    return printed.splitlines(), process.returncode


def test_a_killed_run_loses_nothing_and_repeats_only_the_unfinished(
    harness: Harness, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    # It may write into its own folder alone, and waits for a file beside it.
    waits = """
import os, pathlib, time
pathlib.Path("child.new").write_text(str(os.getpid()))
pathlib.Path("child.new").rename("child.pid")
while not pathlib.Path(__file__).with_name("go").exists():
    time.sleep(0.05)
"""
    harness.add("team01_Waits", waits + tiny())
    harness.add("team02_Fine")
    begun: list[Path] = []
    # Without the sandbox, in which the child has another number than here.
    with _all(harness, temporary, "--no_sandbox") as parent:
        while parent.poll() is None and not begun:
            time.sleep(0.02)
            begun = list(temporary.glob("*/*/01_Waits/child.pid"))
        child = int(begun[0].read_text())
        parent.send_signal(signal.SIGKILL)
    assert parent.returncode == -signal.SIGKILL
    record = harness.results / "records" / "00_Tiny.json"
    kept = record.read_bytes()
    assert [path.name for path in record.parent.glob("*.json")] == ["00_Tiny.json"]
    assert len(list(temporary.glob("*/*"))) == 3
    _wait_until_gone(child)
    (harness.path / "models" / "go").write_text("")
    (harness.results / "results.json").unlink()

    lines, status = _finish(_all(harness, temporary))
    assert status == 0
    assert lines[0].startswith("00_Tiny: kept: demo ")
    assert [line.partition(":")[0] for line in lines[1:3]] == ["01_Waits", "02_Fine"]
    assert [" ".join(line.split()) for line in lines[-2:]] == [
        "done 2 01_Waits, 02_Fine",
        "kept 1 00_Tiny",
    ]
    assert record.read_bytes() == kept
    assert list(temporary.iterdir()) == []
    assert {row["Status"] for row in harness.rows().values()} == {"ok"}

    (harness.results / "results.json").unlink()
    lines, status = _finish(_all(harness, temporary))
    assert status == 0
    assert [line.partition(" demo")[0] for line in lines[:3]] == [
        "00_Tiny: kept:", "01_Waits: kept:", "02_Fine: kept:",
    ]  # fmt: skip
    assert record.read_bytes() == kept
    # Figures of a run that was killed between a record and the tables are in the tables now.
    assert set(harness.rows()) == {"00_Tiny", "01_Waits", "02_Fine"}
    assert "02_Fine" in (harness.results / "results.json").read_text()


def _wait_until_gone(pid: int) -> None:
    stat, deadline = Path(f"/proc/{pid}/stat"), time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    raise AssertionError("the child of a killed run lives on")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """A harness whose submission 0 is measured, and 3 has failed."""
    harness = Harness(tmp_path_factory.mktemp("measured") / "harness")
    harness.add("team00_Tiny")
    harness.add("team03_Crash", tiny("x[99]"))
    write_pairs(harness.path / "data" / "demo")
    assert harness.run("--model_id", "all").returncode == 1
    return harness


def test_whoever_interrupts_a_run_is_told_what_goes_on_with_it(tmp_path: Path) -> None:
    entries = discover(Path(__file__).parents[1])[:3]
    made = [replace(synthetic_record(0, "X", ()), label=entry.label) for entry in entries]

    def told(outcomes: list[Record], *arguments: str, kept: int = 0) -> str:
        options = parse(["--model_id", *arguments], tmp_path)
        plan = resume.Plan((*made[:kept],), (*entries[kept:],), (*entries,))
        return resume.describe_rest(plan, outcomes, options)

    left = "{} of 3 not finished; python test_demo.py --model_id {} goes on; what was finished is"
    # Nothing would be lost by the same command, or it keeps what there is by itself.
    assert told([], "0", "1").startswith(left.format(3, "0 1"))
    assert told(made[1:2], "all", kept=1).startswith(left.format(1, "all"))
    assert told(made[:1], "0", "--resume").startswith(left.format(2, "0 --resume"))
    # It would measure everything again.
    assert told(made[:2], "0", "1").startswith(left.format(1, "0 1 --resume"))
    assert told(made[:1], "0", "--force", "--label", "a b").startswith(
        left.format(2, "0 --label 'a b' --resume")
    )
    assert told(made[:2], "all", "--processes", "2").startswith(left.format(3, "all --processes 2"))
    assert told(made[:1], "0", "--shard", "1/2").endswith("what was finished is recorded")


class World:
    """What a second run would find."""

    def __init__(self, measured: Harness, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = shutil.copytree(measured.path, path)
        options = parse(["--model_id", "all"], self.path)
        self.rows = Store(self.path / "results", options.protocol).rows()
        self.record = next(row.record for row in self.rows if row.label == "00_Tiny")
        self.machine = self.record.machine
        monkeypatch.setattr(resume, "_machine", lambda device: self.machine)

    def kept(self, *arguments: str) -> list[str]:
        options: Options = parse(["--model_id", "all", *arguments], self.path)
        entries = discover(self.path)
        folder = self.path / f"hr{len(list(self.path.iterdir()))}"
        staged = stage_all(entries, options.data, options.procedure, folder)
        plan = resume.plan_run(entries, RunSetting(options, staged, folder), self.rows)
        assert {r.label for r in plan.kept} | {e.label for e in plan.entries} == {
            e.label for e in entries
        }
        return [record.label for record in plan.kept]


@pytest.fixture
def world(measured: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(measured, tmp_path / "harness", monkeypatch)


def test_what_is_equal_is_kept_and_what_failed_is_repeated(world: World) -> None:
    assert world.kept() == ["00_Tiny"]
    assert world.kept("--resume") == ["00_Tiny"]
    assert world.kept("--timeout", "7", "--device", "cpu", "--debug") == ["00_Tiny"]


def test_the_default_sandbox_repeats_nothing_and_a_stated_one_does(world: World) -> None:
    was = world.record.request.sandbox
    assert world.kept("--sandbox" if was else "--no_sandbox") == ["00_Tiny"]
    assert world.kept("--no_sandbox" if was else "--sandbox") == []
    _edit(world, lambda r: replace(r, request=replace(r.request, sandbox=not was)))
    assert world.kept() == ["00_Tiny"]


def test_a_baseline_is_kept_only_if_nothing_is_measured_around_it(world: World) -> None:
    _edit(world, lambda record: replace(record, request=replace(record.request, interleave=0)))
    assert world.kept("--interleave", "0") == []
    (world.path / "models" / "team03_Crash.py").unlink()
    assert world.kept("--interleave", "0") == ["00_Tiny"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--force",), ("--repeats", "2"), ("--seed", "1"), ("--layers",), ("--ssim",), ("--save_images",),
        ("--protocol", "ntire2023"), ("--interleave", "0"),
    ],
)  # fmt: skip
def test_another_request_is_measured(world: World, arguments: tuple[str, ...]) -> None:
    assert world.kept(*arguments) == []


def _change_model(world: World) -> None:
    file = world.path / "models" / "team00_Tiny.py"
    file.write_text(file.read_text() + "# another\n")


def _change_checkpoint(world: World) -> None:
    state = nearest_state()
    state["body.bias"][0] = 0.001
    torch.save(state, world.path / "model_zoo" / "team00_Tiny.pth")


def _add_sidecar(world: World) -> None:
    (world.path / "models" / "team00_Tiny.toml").write_text("data_range = 255.0\n")


def _swap_images(world: World) -> None:
    demo = world.path / "data" / "demo"
    for folder, suffix in ((demo / "HR", ""), (demo / "LR_bicubic" / "X4", "x4")):
        (folder / f"a{suffix}.png").rename(folder / f"c{suffix}.png")


def _another_card(world: World) -> None:
    world.machine = replace(world.machine, device_name="another")


def _another_torch(world: World) -> None:
    world.machine = replace(world.machine, torch="0.1")


def _unknown_machine(world: World) -> None:
    world.machine = None


def _edit(world: World, change: Callable[[Record], Record]) -> None:
    world.rows = [
        replace(row, record=change(row.record)) if row.record is not None else row
        for row in world.rows
    ]


def _old_record(world: World) -> None:
    _edit(world, lambda record: replace(record, request=None))


def _old_data(world: World) -> None:
    _edit(world, lambda r: replace(r, splits=tuple(replace(s, data_sha256=None) for s in r.splits)))


def _other_code(world: World) -> None:
    _edit(world, lambda r: replace(r, request=replace(r.request, code_sha256="0" * 64)))


def _failed_since(world: World) -> None:
    failure = Failure("00_Tiny", 0, "timeout", "too slow", "2026-11-21")
    world.rows = [Row(row.label, row.record, failure, row.official) for row in world.rows]


@pytest.mark.parametrize(
    "change",
    [
        _change_model, _change_checkpoint, _add_sidecar, _swap_images, _another_card, _another_torch,
        _unknown_machine, _old_record, _old_data, _other_code, _failed_since,
    ],
)  # fmt: skip
def test_whatever_a_figure_depends_on_is_compared(
    world: World, change: Callable[[World], None]
) -> None:
    change(world)
    assert world.kept() == []


def test_ids_alone_are_measured_again_unless_resume_is_asked_for(root: Path) -> None:
    for arguments, expected in (
        (["--model_id", "0"], False),
        (["--model_id", "0", "--resume"], True),
        (["--model_id", "all"], True),
        (["--model_id", "all", "--force"], False),
    ):
        assert parse(arguments, root).resume is expected


def test_the_machine_is_that_of_the_record(measured: Harness) -> None:
    rows = Store(measured.results, parse([], measured.path).protocol).rows()
    (record,) = (row.record for row in rows if row.record)
    assert resume._same(record.machine, resume._machine("auto"))


def test_what_follows_a_record_is_no_part_of_the_code_that_measured(root: Path) -> None:
    """What `code_sha256` leaves out is imported neither by the parent before a record nor by the child."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for path in (root / "esr").rglob("*.py")
    }
    reached, found = set(), {"esr.evaluate.serial_engine", "esr.evaluate.worker.__main__"}
    while found:
        reached |= found
        found = {other for name in found for other in _imports(files[name], set(files))} - reached
    packages = {name.split(".")[1] for name in reached}
    assert {"measure", "audit", "images", "submissions"} <= packages
    assert packages.isdisjoint(provenance._AFTERWARDS)


def test_the_code_is_known_by_its_files(root: Path, tmp_path: Path) -> None:
    for name in ("esr", "other"):
        shutil.copytree(
            root / "esr", tmp_path / name / "esr", ignore=shutil.ignore_patterns("__pycache__")
        )
    first, second = (tmp_path / name / "esr" for name in ("esr", "other"))
    assert provenance.code_sha256(first.parent) == provenance.code_sha256(second.parent)
    (second / "report" / "terminal.py").write_text("another table")
    with (second / "__main__.py").open("a") as file:
        file.write("# another command")
    (second / "__pycache__").mkdir()
    assert provenance.code_sha256(first.parent) == provenance.code_sha256(second.parent)
    with (second / "challenge" / "protocols" / "ntire2026.toml").open("a") as file:
        file.write("# another year")
    changed = provenance.code_sha256(second.parent)
    assert provenance.code_sha256(first.parent) != changed
    (second / "measure" / "bench.py").unlink()
    assert provenance.code_sha256(second.parent) != changed
