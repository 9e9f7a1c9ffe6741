"""Two runs on one machine: no submission of one reads what belongs to the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import PATIENCE_S, Harness, tiny, write_pairs

READS = """
import glob, json, os, time
from pathlib import Path
Path("child.new").write_text(str(os.getpid()))
Path("child.new").rename("child.pid")
told = Path(__file__).with_name("told.json")
while not told.exists():
    time.sleep(0.05)
own = os.getcwd()
for folder in json.loads(told.read_text()):
    for file in glob.glob(folder + "/**/*", recursive=True):
        if os.path.isfile(file) and not os.path.realpath(file).startswith(own):
            try:
                open(file, "rb").read(1)
            except OSError:
                print("REFUSED", file)
            else:
                print("READ", file)
print("tried them all")
"""


class Run:
    """A run whose submission waits until it is told which folders to read."""

    def __init__(self, path: Path, temporary: Path, *arguments: str) -> None:
        self.harness = Harness(path)
        self.harness.count_at(32)
        self.data = path.parent / f"{path.name}_data"
        write_pairs(self.data)
        self.harness.add("team00_Reads", READS + tiny())
        temporary.mkdir(exist_ok=True)
        command = [sys.executable, str(path / "test_demo.py"), "--model_id", "all"]
        before = set(temporary.glob("*/*/00_Reads/child.pid"))
        self.process = subprocess.Popen(
            [*command, "--data_dir", str(self.data), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        self.pid = self._await_child(temporary, before)

    def _await_child(self, temporary: Path, before: set[Path]) -> int | None:
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            for file in set(temporary.glob("*/*/00_Reads/child.pid")) - before:
                return int(file.read_text())
            time.sleep(0.05)
        return None

    def tell(self, folders: list[str]) -> None:
        told = self.harness.path / "models" / "told.new"
        told.write_text(json.dumps(folders))
        told.rename(told.with_suffix(".json"))

    def finish(self) -> str:
        printed, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, printed
        return (self.harness.results / "logs" / "00_Reads.log").read_text()


@pytest.mark.parametrize("flag", ["--no_sandbox", "--sandbox"])
@pytest.mark.parametrize("shared", [True, False], ids=["one scratch root", "two scratch roots"])
def test_neither_reads_data_scratch_or_results_of_the_other(
    tmp_path: Path, flag: str, shared: bool
) -> None:
    roots = [tmp_path / ("scratch" if shared else f"scratch{n}") for n in range(2)]
    runs = [Run(tmp_path / f"run{n}", roots[n], flag) for n in range(2)]
    try:
        if any(run.pid is None for run in runs):
            printed = runs[0].process.communicate()[0]
            pytest.skip(printed) if "bwrap is not" in printed else pytest.fail(printed)
        hr = [file for root in set(roots) for file in root.rglob("*") if file.suffix == ".npy"]
        assert hr  # Decoded already, so there is something to be read.
        for run, other in (runs, reversed(runs)):
            near = f"/proc/{other.pid}"
            places = [
                other.data,
                other.harness.path,
                *set(roots),
                f"{near}/cwd",
                f"{near}/root/{other.data}",
            ]
            run.tell([str(place) for place in places])
        for run in runs:
            log = run.finish()
            assert "tried them all" in log
            assert "READ " not in log
    finally:
        for run in runs:
            run.process.kill()
            run.process.wait()
