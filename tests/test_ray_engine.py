"""Two Ray nodes on this machine measure what one process measures, whatever dies meanwhile."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from harness import PATIENCE_S, ROOT, Harness, run_command, tiny, write_pairs

ray = pytest.importorskip("ray", reason="the package ray is not installed")


@pytest.fixture(scope="module", autouse=True)
def _no_token() -> Iterator[None]:
    """Let whoever is on this machine join, as Ray does not where its token lies elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield


MANY = int(os.environ.get("ESR_RAY_SUBMISSIONS", "6"))
"""The whole run of the issue has 40."""
KILLS = int(os.environ.get("ESR_RAY_KILLS", "2"))
UNLIKE = (
    *(
        "Time",
        "Runtime",
        "runtime",
        "ms]",
        "Device",
        "Date",
        "memory",
        "Mem",
        "Rank",
        "Score",
        "Tie",
    ),
    *("time", "First image", "Cold", "Busy"),
)
"""Columns about time, machine and what follows from them."""


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Submissions of which one raises, one kills its own process and one hangs."""
    made = Harness(tmp_path_factory.mktemp("ray") / "harness")
    write_pairs(made.path.parent / "data")
    made.count_at(32)
    for number in range(MANY - 3):
        made.add(f"team{number:02d}_Good")
    made.add("team90_Raises", tiny("self.no"))
    made.add("team91_Kills", tiny(before="import os; os.kill(os.getpid(), 9)"))
    made.add("team92_Hangs", tiny(before="import time; time.sleep(10_000)"))
    return made


def arguments(harness: Harness, save_dir: Path, *more: str) -> list[str]:
    data = str(harness.path.parent / "data")
    fixed = ["--model_id", "all", "--data_dir", data, "--device", "cpu", "--timeout", "25"]
    return [*fixed, "--save_dir", str(save_dir), *more]


@contextmanager
def two_nodes() -> Iterator[str]:
    """A cluster of two nodes with a core each, on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Names of sockets must be short.
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    port = 20_000 + os.getpid() % 20_000
    command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
    parts = (
        ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"],
        [f"--address=127.0.0.1:{port}"],
    )
    nodes: list[subprocess.Popen] = []
    try:
        for part in parts:
            nodes.append(
                subprocess.Popen(
                    [*command, *part],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
            time.sleep(8)
        yield f"127.0.0.1:{port}"
    finally:
        below = [p for node in nodes for p in psutil.Process(node.pid).children(recursive=True)]
        for node in nodes:
            os.killpg(node.pid, signal.SIGKILL)
            node.wait()
        for process in below:
            if process.is_running():
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def table(save_dir: Path) -> list[dict[str, str]]:
    """leaderboard.csv without its time and machine columns."""
    with (save_dir / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {title: cell for title, cell in row.items() if not any(word in title for word in UNLIKE)}
        for row in sorted(rows, key=lambda row: row["Model"])
    ]


def no_overlaps(save_dir: Path) -> int:
    """Make sure that no device was held twice at once; say how often one was held."""
    lines = (save_dir / "logs" / "devices.jsonl").read_text().splitlines()
    held = defaultdict(list)
    for use in map(json.loads, lines):
        for device in use["devices"]:
            held[use["machine"], device].append((use["began_s"], use["ended_s"]))
    for spans in held.values():
        spans.sort()
        for (_, ended), (began, _) in pairwise(spans):
            assert began >= ended, spans
    return len(lines)


@pytest.fixture(scope="module")
def serial(harness: Harness) -> Path:
    save_dir = harness.path.parent / "serial"
    done = harness.run(*arguments(harness, save_dir))
    assert done.returncode == 1, done.stderr
    return save_dir


def test_two_nodes_say_what_one_process_says(
    harness: Harness, serial: Path, tmp_path: Path
) -> None:
    save_dir = tmp_path / "results"
    with two_nodes() as address:
        more = ["--engine", "ray", "--engine_address", address, "--cpus_per_job", "1"]
        done = harness.run(*arguments(harness, save_dir, *more))
        assert done.returncode == 1, done.stderr
        assert table(save_dir) == table(serial)
        # Every submission held a device once.
        assert no_overlaps(save_dir) == MANY
        again = harness.run(*arguments(harness, save_dir, *more))
        assert again.stdout.count("kept:") == MANY - 3, again.stdout + again.stderr


def test_whatever_is_killed_every_submission_ends_once(
    harness: Harness, serial: Path, tmp_path: Path
) -> None:
    """Stations, children and the driver die at random moments; the same command goes on."""
    save_dir, chance = tmp_path / "results", random.Random(16)
    with two_nodes() as address:
        more = ["--engine", "ray", "--engine_address", address, "--cpus_per_job", "1"]
        command = [sys.executable, str(harness.path / "test_demo.py")]
        command += arguments(harness, save_dir, *more)
        kills = 0
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            driver = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
            )
            while driver.poll() is None:
                time.sleep(chance.uniform(2, 8))
                if kills < KILLS:
                    kills += _kill_something(driver, chance)
            if driver.returncode == 1 and kills >= KILLS:
                break
    ended = [
        file.stem for kind in ("records", "failures") for file in (save_dir / kind).glob("*.json")
    ]
    assert sorted(ended) == sorted(row["Model"] for row in table(serial))
    good = [row for row in table(save_dir) if row["Status"] == "ok"]
    assert good == [row for row in table(serial) if row["Status"] == "ok"]


def _kill_something(driver: subprocess.Popen, chance: random.Random) -> bool:
    stations = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "ray::Station" in " ".join(process.info["cmdline"] or ())
    ]
    victims = [driver, *stations]
    victim = chance.choice(victims)
    try:
        victim.kill()
    except psutil.Error:
        return False
    return True


def test_without_ray_a_run_is_as_before(tmp_path: Path) -> None:
    """--help, --list and a serial run do not import it, and one line says that it is missing."""
    made = Harness(tmp_path / "harness")
    made.add("team00_Good")
    made.count_at(32)
    write_pairs(tmp_path / "data")
    # Whoever imports it learns of it.
    (made.path / "ray.py").write_text("raise ImportError('no ray here')\n")
    for flags in (
        ["--help"],
        ["--list"],
        ["--data_dir", str(tmp_path / "data"), "--device", "cpu"],
    ):
        done = run_command(made.path, *flags, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = run_command(made.path, "--engine", "ray", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        "error: --engine ray: needs the package ray; run: python -m pip install ray"
    )


def test_a_cluster_that_is_not_there_costs_one_line(tmp_path: Path) -> None:
    done = run_command(ROOT, "--engine", "ray", "--engine_address", "127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: --engine_address 127.0.0.1:9: no cluster can be reached")


def test_shards_at_once_lose_nothing(harness: Harness, serial: Path, tmp_path: Path) -> None:
    save_dir = tmp_path / "results"
    command = [sys.executable, str(harness.path / "test_demo.py")]
    command += arguments(harness, save_dir)
    shards = [
        subprocess.Popen([*command, "--shard", f"{number}/3"], stdout=subprocess.DEVNULL)
        for number in (1, 2, 3)
    ]
    statuses = [shard.wait(PATIENCE_S) for shard in shards]
    assert max(statuses) == 1
    assert not (save_dir / "leaderboard.csv").exists()
    made = subprocess.run(
        [sys.executable, "-m", "esr", "leaderboard", str(save_dir)],
        cwd=harness.path,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    assert table(save_dir) == table(serial)
    assert no_overlaps(save_dir) == MANY
    shutil.rmtree(save_dir)


@pytest.mark.parametrize("given", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none_costs_one_line(harness: Harness, tmp_path: Path, given: str) -> None:
    done = run_command(harness.path, f"--shard={given}", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "such as 2/8" in done.stderr
