"""Two Ray nodes on this machine measure what one process measures, whatever dies meanwhile.

The short form is for every day. The whole one, which takes a quarter of an hour on two cores, is

    ESR_RAY_SUBMISSIONS=40 ESR_RAY_KILLS=20 python -m pytest -n 0 tests/test_ray_engine.py
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import psutil
import pytest
from harness import BY_TIME, PATIENCE_S, ROOT, Harness, run_command, tiny, write_pairs

pytest.importorskip("ray", reason="the package ray is not installed")

from ray_nodes import Cluster, Node, two_nodes

MANY = int(os.environ.get("ESR_RAY_SUBMISSIONS", "6"))
"""The whole run of the issue has 40: five that fail, one that hangs, one that kills its process."""
KILLS = int(os.environ.get("ESR_RAY_KILLS", "3"))
"""The whole run has 20; three are one of each kind."""
SEED = int(os.environ.get("ESR_RAY_SEED", "16"))
FAIL = {
    "team91_Raises": tiny("self.no"),
    "team92_Breaks": "import no_such_package\n" + tiny(),
    "team93_Shrinks": tiny("x"),
    "team94_Refuses": tiny(before="raise RuntimeError('not today')"),
    "team95_Unbuilt": tiny().replace("super().__init__()", "super().__init__(1)"),
}
HANGS, KILLS_ITSELF = "team98_Hangs", "team99_Kills"
BY_MACHINE = ("Device", "Process memory [MiB]", "Mem [M]", "Busy cores")
BY_DATE = ("Date", "Left out")
OF_TIME = ("[ms]", "First image", "Spread", "Runtime interval", "Drift", "Parent's clock")
BEGIN = "-- begun"
OF_ORDER = ("Rank", "Tie", "Score")
"""Places follow from runtimes."""


@pytest.fixture(scope="module", autouse=True)
def _no_token() -> Iterator[None]:
    """Let whoever is on this machine join, as Ray does not where its token lies elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes with a core each."""
    with two_nodes("--num-cpus=1") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Submissions of which some fail, one hangs and one kills its own process."""
    made = Harness(tmp_path_factory.mktemp("ray") / "harness")
    write_pairs(made.path.parent / "data")
    made.count_at(32)
    failing = list(FAIL.items())[: max(1, MANY // 8)]
    for number in range(MANY - len(failing) - 2):
        made.add(f"team{number:02d}_Good")
    for stem, source in failing:
        made.add(stem, source)
    made.add(HANGS, tiny(before="import time; time.sleep(10_000)"))
    made.add(KILLS_ITSELF, tiny(before="import os; os.kill(os.getpid(), 9)"))
    return made


def arguments(harness: Harness, save_dir: Path, *more: str, ids: tuple[str, ...] = ()) -> list[str]:
    data = str(harness.path.parent / "data")
    fixed = ["--model_id", *(ids or ["all"]), "--data_dir", data, "--timeout", "25"]
    return [*fixed, "--save_dir", str(save_dir), *more]


def on(cluster: Cluster) -> list[str]:
    return ["--engine", "ray", "--engine_address", cluster.address, "--cpus_per_job", "1"]


def table(save_dir: Path) -> bytes:
    """leaderboard.csv without its time and machine columns, by label."""
    with (save_dir / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [title for title in rows[0] if not _follows_from_time(title)]
    assert {"Model", "Val PSNR", "Params [M]", "FLOPs [G]", "Status", "Val set"} <= set(kept)
    written = io.StringIO()
    writer = csv.DictWriter(written, kept, extrasaction="ignore")
    writer.writeheader()
    for row in sorted(rows, key=lambda row: row["Model"]):
        if row.get("Flags"):
            flags = [flag for flag in row["Flags"].split(", ") if flag not in BY_TIME]
            row["Flags"] = ", ".join(flags)
        writer.writerow(row)
    return written.getvalue().encode()


def _follows_from_time(title: str) -> bool:
    return title in (*BY_MACHINE, *BY_DATE) or any(word in title for word in OF_TIME + OF_ORDER)


def ended(save_dir: Path) -> list[str]:
    """Labels of all records and failures, each as often as it is there."""
    files = (save_dir / kind for kind in ("records", "failures"))
    return sorted(file.stem for folder in files for file in folder.glob("*.json"))


def uses(save_dir: Path) -> list[dict]:
    lines = (save_dir / "logs" / "devices.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def no_overlaps(save_dir: Path) -> int:
    """Make sure that no device was held twice at once; say how often one was held."""
    held = defaultdict(list)
    for use in uses(save_dir):
        for device in use["devices"]:
            held[use["machine"], device].append((use["began_s"], use["ended_s"]))
    for spans in held.values():
        spans.sort()
        for (_, end), (began, _) in pairwise(spans):
            assert began >= end, spans
    return len(uses(save_dir))


@pytest.fixture(scope="module")
def serial(harness: Harness) -> Path:
    save_dir = harness.path.parent / "serial"
    done = harness.run(*arguments(harness, save_dir, "--device", "cpu"))
    assert done.returncode == 1, done.stderr
    return save_dir


def test_two_nodes_say_what_one_process_says(
    harness: Harness, serial: Path, cluster: Cluster, tmp_path: Path
) -> None:
    save_dir = tmp_path / "results"
    # A folder that holds another `esr`, which no station may take for the driver's.
    more = ["--device", "cpu", *on(cluster)]
    done = run_command(harness.path, *arguments(harness, save_dir, *more), cwd=ROOT)
    assert done.returncode == 1, done.stderr
    assert table(save_dir) == table(serial)
    assert len(ended(save_dir)) == MANY
    # Every submission held a device once.
    assert no_overlaps(save_dir) == MANY
    again = harness.run(*arguments(harness, save_dir, *more, "--resume", ids=("0", "1")))
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("kept:") == 2
    assert len(uses(save_dir)) == MANY


def test_four_gpus_are_held_by_one_at_a_time_each(
    harness: Harness, cluster: Cluster, tmp_path: Path
) -> None:
    """GPUs that Ray believes in; the locks of this machine, which has none, do not help it."""
    save_dir = tmp_path / "results"
    more = Node(f"--address={cluster.address}", "--num-cpus=4", "--num-gpus=4")
    station = harness.path / "esr" / "evaluate" / "ray_station.py"
    source = station.read_text()
    locked = "enter(reserved(options.engine.cpus_per_job))"
    assert source.count(locked) == 1
    more.start()
    try:
        # There need not be as many cores as GPUs here.
        station.write_text(source.replace(locked, "pass"))
        given = arguments(harness, save_dir, *on(cluster), ids=("team0?_Good", "99"))
        done = harness.run(*given)
    finally:
        station.write_text(source)
        more.kill()
    assert done.returncode == 1, done.stdout + done.stderr
    held = uses(save_dir)
    devices = Counter(device for use in held for device in use["devices"])
    assert set(devices) <= {f"gpu {number}" for number in range(4)}, devices
    assert no_overlaps(save_dir) == len(ended(save_dir)) == len(held)
    # Else it would show nothing.
    at_once = [
        a["began_s"] < b["ended_s"] and b["began_s"] < a["ended_s"]
        for a, b in combinations(held, 2)
    ]
    assert any(at_once)
    assert len(devices) > 1


def test_whatever_is_killed_every_submission_ends_once(
    harness: Harness, serial: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """Stations, nodes and the driver die at random moments; the same command goes on."""
    save_dir, chance = tmp_path / "results", random.Random(SEED)
    ids = () if KILLS > 3 else ("team0?_Good", "91", "99")  # Each driver waits for who hangs.
    given = arguments(harness, save_dir, "--device", "cpu", *on(cluster), "--resume", ids=ids)
    kinds = [kind for _ in range(-(-KILLS // 3)) for kind in ("station", "node", "driver")][:KILLS]
    chance.shuffle(kinds)
    log = tmp_path / "said"
    while kinds or "Everything is in" not in log.read_text().rpartition(BEGIN)[2]:
        _kill_one_after_the_other(kinds, harness, given, cluster, chance, log)
        assert log.read_text().count(BEGIN) < 10 + 3 * KILLS, log.read_text()
    labels = ended(save_dir)
    assert len(labels) == len(set(labels)) == (MANY if KILLS > 3 else len(labels))
    of_serial = table(serial).splitlines()
    for line in table(save_dir).splitlines():
        if b",ok," in line:  # A failure may be that its machine died three times.
            assert line in of_serial
    for folder, kept in (("records", "label"), ("failures", "label")):
        for file in (save_dir / folder).glob("*.json"):
            assert json.loads(file.read_text())[kept] == file.stem
    no_overlaps(save_dir)


def _kill_one_after_the_other(
    kinds: list[str],
    harness: Harness,
    given: list[str],
    cluster: Cluster,
    chance: random.Random,
    log: Path,
) -> None:
    """Run the command once, until it ends or is killed; take what was killed off the list."""
    cluster.mend()
    with log.open("a") as said:
        said.write(f"{BEGIN} at {time.time():.0f}\n")
    with log.open("ab") as said:
        command = [sys.executable, str(harness.path / "test_demo.py"), *given]
        driver = subprocess.Popen(command, stdout=said, stderr=said, cwd=log.parent)
    begun_s = time.monotonic()
    while driver.poll() is None:
        assert time.monotonic() - begun_s < PATIENCE_S, log.read_text()
        time.sleep(chance.uniform(1, 20 if MANY > 20 else 6))
        if kinds and _kill(kinds[-1], driver, cluster, chance, log):
            kinds.pop()
        cluster.mend()
    with log.open("a") as said:
        said.write(f"-- ended with {driver.returncode}\n")


def _kill(
    kind: str, driver: subprocess.Popen, cluster: Cluster, chance: random.Random, log: Path
) -> bool:
    """Kill a process of that kind; False if there is none just now."""
    below = [process for node in cluster.nodes for process in node.processes()]
    stations = [process for process in below if "ray::Station" in _name(process)]
    of_nodes = [process for process in below if process not in stations and _is_server(process)]
    victims = {"driver": [psutil.Process(driver.pid)], "station": stations, "node": of_nodes}[kind]
    victims = [victim for victim in victims if _name(victim)]  # A dead one has none.
    if not victims:
        return False
    victim = chance.choice(victims)
    with log.open("a") as said:
        said.write(f"-- SIGKILL to {kind}: {_name(victim)[:100]}\n")
    try:
        victim.send_signal(signal.SIGKILL)
    except psutil.Error:
        return False
    return True


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_server(process: psutil.Process) -> bool:
    parts = ("gcs_server", "raylet/raylet", "monitor.py", "Agent", "dashboard.py")
    return any(part in _name(process) for part in parts)


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


def test_shards_at_once_lose_nothing(
    harness: Harness, serial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All on one device, which Slurm has granted them."""
    save_dir = tmp_path / "results"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    command = [sys.executable, str(harness.path / "test_demo.py")]
    command += arguments(harness, save_dir, ids=("0", "1", "2", "91", "99"))
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
    assert set(table(save_dir).splitlines()) < set(table(serial).splitlines())
    assert {device for use in uses(save_dir) for device in use["devices"]} == {"gpu 0"}
    assert no_overlaps(save_dir) == len(ended(save_dir)) == 5


@pytest.mark.parametrize("given", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none_costs_one_line(harness: Harness, tmp_path: Path, given: str) -> None:
    done = run_command(harness.path, f"--shard={given}", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "such as 2/8" in done.stderr
