"""The hostile zoo through the real command: contained, named in its row, and nobody else's harm.

Every test reads one of three runs: the zoo as it is run by default, with `--sandbox`, and the
honest submissions alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from harness import BY_TIME, PATIENCE_S, TINY, Harness, write_pairs
from hostile.detaches import LASTS_S

from esr.sandbox import landlock

HOSTILE = Path(__file__).parent / "hostile"
CALL = "deed(types.MethodType(lambda self: self.up(self.body(x)), self), x)"
"""What a member is given is what an honest network does, and by `__self__` the network."""
NETWORK = f"\nimport types\n{TINY.format(returned=CALL)}"
ALIKE = {"memorises_residual": ("memorises_hr", "SHARE = 1.0", "SHARE = 0.3")}
"""Members that are another one but for a line: 30 % of HR, or of the residual, is blended in."""
HONEST = ("00_First", "99_Last")
TOKEN = "hf_this_is_nobodys_business"


@dataclass(frozen=True)
class Expected:
    """What the row of a hostile submission must say."""

    stage: str = ""
    """Empty for one that is measured."""
    says: str = ""
    flags: tuple[str, ...] = ()
    or_else: tuple[str, str] | None = None
    """Stage and reason that are as good, where two watch and it is a race which one is first."""

    def outcomes(self) -> tuple[tuple[str, str], ...]:
        first = (self.stage, self.says)
        return (first,) if self.or_else is None else (first, self.or_else)


EXPECTED = {
    "reads_hr": Expected(flags=("read_outside",)),
    "caches_outputs": Expected(flags=("kept_files",)),
    "patches_timer": Expected(flags=("patched_timer",)),
    "exits": Expected("crash", "status 0"),
    "kills_parent": Expected(flags=("signalled_processes",)),
    "kills_parent_in_c": Expected(flags=("loaded_library",)),
    "detaches": Expected(flags=("started_processes",)),
    # The process holds itself to the limit, and the parent looks now and then: either may be first.
    "allocates": Expected(
        "restore",
        "MemoryError (--memory_limit)",
        or_else=("limit", "--memory_limit is 2 GiB"),
    ),
    # Shared memory is nobody's data, so this is the parent's alone to see.
    "allocates_shared": Expected("limit", "--memory_limit is 2 GiB"),
    "allocates_memfds": Expected("limit", "--memory_limit is 2 GiB"),
    "leaves_shared_memory": Expected(flags=("loaded_library",)),
    "nests_folders": Expected(flags=()),
    "fills_disk": Expected("limit", "--disk_limit is 0.1 GiB"),
    "floods": Expected(flags=("flooded_log",)),
    "writes_results": Expected(flags=("wrote_files",)),
    "pickled": Expected("load", "could run code"),
    "connects": Expected(flags=("used_network",)),
    "overrides_numel": Expected(flags=("overridden_parameters",)),
    "overrides_parameters": Expected(flags=("overridden_parameters",)),
    "parameters_of_a_kind": Expected(flags=("overridden_parameters",)),
    "complex_parameters": Expected(flags=("wide_parameters",)),
    "double_parameters": Expected(flags=("wide_parameters",)),
    "weights_in_buffer": Expected(flags=("unregistered_weights",)),
    "weights_in_list": Expected(flags=("unregistered_weights",)),
    "weights_in_array": Expected(flags=("unregistered_weights",)),
    "weights_in_source": Expected(flags=("unregistered_weights",)),
    "seeded_weights": Expected(flags=("unregistered_weights",)),
    "knows_size": Expected(flags=("flops_hidden",)),
    "knows_dummy": Expected(flags=("flops_hidden",)),
    "knows_callers": Expected(flags=("flops_hidden",)),
    "memorises_hr": Expected(flags=("memorised_images",)),
    "memorises_residual": Expected(flags=("memorised_images",)),
    "honest_costs": Expected(flags=()),
}
FURTHER = ("flops_hidden", "flops_depend_on_input", "memorised_images", "counter_detected")
"""What the images behind the scored ones may say."""


class Payload:
    """Unpickling this would run a command."""

    def __reduce__(self):
        return (os.system, ("echo the checkpoint ran code",))


class Zoo:
    """A harness with the zoo between two honest submissions, and what its run left behind."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.harness = Harness(path / "harness")
        self.temporary = path / "temporary"
        self.temporary.mkdir()
        write_pairs(self.harness.path / "data" / "demo")
        self.harness.add("team00_First")
        for number, name in enumerate(names, start=1):
            self.add(number, name)
        self.harness.add("team99_Last")
        self.labels = {name: f"{number:02d}_{name}" for number, name in enumerate(names, start=1)}

    def add(self, number: int, name: str) -> None:
        stem = f"team{number:02d}_{name}"
        like, line, instead = ALIKE.get(name, (name, "", ""))
        source = (HOSTILE / f"{like}.py").read_text()
        assert line in source
        self.harness.add(stem, source.replace(line, instead) + NETWORK)
        if name.startswith("memorises"):
            self._steal_hr()
        if name == "pickled":
            checkpoint = self.harness.path / "model_zoo" / f"{stem}.pth"
            checkpoint.write_bytes(pickle.dumps(Payload()))

    def _steal_hr(self) -> None:
        """Put the answers of the whole set beside the code, as whoever has published it could."""
        data = self.harness.path / "data" / "demo"
        pairs = [(data / "HR" / f"{name}.png", f"X4/{name}x4.png") for name in ("a", "b")]
        table = {}
        for hr, lr in pairs:
            pixels = cv2.imread(str(data / "LR_bicubic" / lr))[..., ::-1]
            key = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
            table[key] = np.ascontiguousarray(cv2.imread(str(hr))[..., ::-1])
        np.savez(self.harness.path / "models" / "stolen.npz", **table)

    def run(self, *arguments: str) -> None:
        self.heard = Listener(self.harness.path / "models" / "port.txt")
        self.before = self.files()
        limits = ("--memory_limit", "2", "--disk_limit", "0.1", "--device", "cpu")
        self.done = subprocess.run(
            [sys.executable, str(self.harness.path / "test_demo.py"), *arguments, *limits],
            cwd=self.harness.path.parent,
            env={**os.environ, "TMPDIR": str(self.temporary), "HF_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            # What kills its parent's group must not find pytest in there.
            start_new_session=True,
        )
        self.heard.close()
        self.rows = self.harness.rows()

    def files(self) -> dict[str, bytes]:
        return {
            str(file): file.read_bytes()
            for folder in ("models", "model_zoo", "esr", "utils", "data")
            for file in sorted((self.harness.path / folder).rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts
        }

    def row(self, name: str) -> dict[str, str]:
        if name not in self.labels:
            pytest.skip("only Landlock from Linux 6.12 on, or --sandbox, holds this one back")
        return self.rows[self.labels[name]]

    def log(self, name: str) -> str:
        return (self.harness.results / "logs" / f"{self.labels[name]}.log").read_text()


class Listener:
    """Somebody on this machine who listens to TCP and UDP."""

    def __init__(self, said: Path) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(self._tcp.getsockname())
        self._udp.setblocking(False)
        self.text = ""
        said.write_text(str(self._tcp.getsockname()[1]))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                text = connection.makefile().read()
            if text == "enough":
                return
            self.text += text

    def close(self) -> None:
        with socket.create_connection(self._tcp.getsockname()) as connection:
            connection.sendall(b"enough")
        self._thread.join()
        with suppress(BlockingIOError):
            self.text += self._udp.recv(65536).decode()
        self._tcp.close()
        self._udp.close()


def _bwrap_works() -> bool:
    tried = (
        "bwrap",
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "--size",
        "4096",
        "--tmpfs",
        "/tmp",
        "true",
    )
    return (
        shutil.which("bwrap") is not None
        and subprocess.run(tried, capture_output=True).returncode == 0
    )


@pytest.fixture(scope="module", params=["landlock", "bubblewrap"])
def zoo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    sandbox = request.param == "bubblewrap"
    if sandbox and not _bwrap_works():
        pytest.skip("bubblewrap is absent or not permitted here")
    if not sandbox and landlock.version() == 0:
        pytest.skip("this kernel has no Landlock")
    held = sandbox or landlock.version() >= 6
    names = tuple(name for name in EXPECTED if held or name != "kills_parent_in_c")
    zoo = Zoo(tmp_path_factory.mktemp(request.param), names)
    zoo.run("--model_id", "all", "--sandbox" if sandbox else "--no_sandbox")
    return zoo


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    zoo = Zoo(tmp_path_factory.mktemp("honest"), ())
    zoo.run("--model_id", "all", "--no_sandbox")
    return zoo


@pytest.mark.parametrize("name", EXPECTED)
def test_what_it_did_is_named_in_its_row(zoo: Zoo, name: str) -> None:
    row, expected = zoo.row(name), EXPECTED[name]
    assert row["Status"] == ("failed" if expected.stage else "ok"), row["Reason"]
    said = [says for stage, says in expected.outcomes() if stage == row["Failed stage"]]
    assert said, (row["Failed stage"], row["Reason"])
    assert said[0] in row["Reason"]
    assert set(expected.flags) <= set(row["Flags"].split(", "))


@pytest.mark.parametrize(
    "name", ["overrides_numel", "overrides_parameters", "parameters_of_a_kind"]
)
def test_parameters_are_counted_whatever_the_network_says(zoo: Zoo, name: str) -> None:
    body = 48 * 3 * 9 + 48  # Weights and biases of the one layer of `TINY`.
    zoo.row(name)
    assert zoo.harness.record(zoo.labels[name])["counts"]["params"] == body


def test_costs_that_do_not_grow_with_the_area_are_not_held_against_a_network(zoo: Zoo) -> None:
    zoo.row("honest_costs")
    flags = zoo.harness.record(zoo.labels["honest_costs"])["flags"]
    # The official counters know no products of activations, and that stands in flags of its own.
    assert not [f for f in flags if f["name"] in FURTHER and "counts 0.08493 G" not in f["detail"]]
    assert "unregistered_weights" not in {flag["name"] for flag in flags}


@pytest.mark.parametrize("name", ["knows_size", "knows_dummy", "knows_callers"])
def test_both_figures_stand_in_the_flag(zoo: Zoo, name: str) -> None:
    zoo.row(name)
    flags = zoo.harness.record(zoo.labels[name])["flags"]
    (detail,) = [flag["detail"] for flag in flags if flag["name"] == "flops_hidden"]
    # The honest part is 3 * 48 * 9 multiply-adds a pixel, 0.08493 G at 256 x 256.
    assert detail.startswith("0.08493 G are counted for 3x256x256, ")
    assert "in a timed pass over an image of" in detail


@pytest.mark.parametrize("label", HONEST)
def test_the_honest_ones_have_the_same_record_as_alone(zoo: Zoo, honest: Zoo, label: str) -> None:
    assert _lasting(zoo.harness.record(label)) == _lasting(honest.harness.record(label))
    assert set(zoo.rows[label]["Flags"].split(", ")) <= {"", *BY_TIME}


def _lasting(record: dict) -> dict:
    """What does not depend on the moment or the place."""
    for volatile in ("peak_rss_mib", "isolation", "crops", "request", "busy_cores"):
        record.pop(volatile)
    record["counts"].pop("side")
    record["flags"] = [flag for flag in record["flags"] if flag["name"] not in BY_TIME]
    for volatile in ("date", "command"):
        record["provenance"].pop(volatile)
    for split in record["splits"]:
        split.pop("parent_ms")
        for image in split["images"]:
            image.pop("runtime_ms")
    return record


def test_the_record_says_what_confined_it(zoo: Zoo, request: pytest.FixtureRequest) -> None:
    confined = {zoo.harness.record(label)["isolation"] for label in HONEST}
    assert confined == {request.node.callspec.params["zoo"]}


def test_the_run_goes_on_to_its_end_without_a_traceback(zoo: Zoo) -> None:
    assert zoo.done.returncode == 1
    assert "Traceback" not in zoo.done.stdout + zoo.done.stderr
    assert set(json.loads((zoo.harness.results / "results.json").read_text())) >= set(HONEST)


@pytest.mark.usefixtures("zoo")
def test_shared_memory_does_not_outlive_its_maker() -> None:
    assert not Path("/dev/shm/esr_left_behind").exists()


def test_no_file_has_changed_and_none_is_left_behind(zoo: Zoo) -> None:
    assert zoo.files() == {
        **zoo.before,
        str(zoo.harness.path / "models" / "port.txt"): zoo.files()[
            str(zoo.harness.path / "models" / "port.txt")
        ],
    }
    assert not list(zoo.harness.path.glob("elsewhere"))
    assert not [
        file
        for folder in ("/var/tmp", "/tmp", "/dev/shm", str(Path.home()))
        for file in Path(folder).glob("esr-zoo-*")
    ]
    assert not list(zoo.temporary.iterdir())


def test_nothing_it_started_survives(zoo: Zoo) -> None:
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(process.read_bytes())
        except OSError:
            continue
    assert not [command for command in commands if LASTS_S.encode() in command]


def test_a_daemon_is_counted_where_it_could_have_lived_on(
    zoo: Zoo, request: pytest.FixtureRequest
) -> None:
    inside = (
        request.node.callspec.params["zoo"] == "bubblewrap"
    )  # It ends with its process numbers.
    assert ("left_processes" in zoo.row("detaches")["Flags"]) is not inside


def test_nothing_it_is_given_names_data_or_results_and_hr_is_refused(zoo: Zoo) -> None:
    log = zoo.log("reads_hr")
    assert "read HR" not in log
    own = log.split("hints")[1].split("refused")[0]
    # The parent's own command line names what the user typed; here that is nothing.
    for secret in (zoo.harness.path / "data", zoo.harness.results):
        assert str(secret) not in own


def test_no_secret_of_the_environment_reaches_it(zoo: Zoo) -> None:
    assert TOKEN not in zoo.heard.text
    for log in (zoo.harness.results / "logs").glob("*.log"):
        assert TOKEN not in log.read_text()


def test_the_network_is_closed_in_the_sandbox(zoo: Zoo, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["zoo"] == "landlock":
        pytest.skip("only --sandbox closes the network; the flag is tested above")
    assert zoo.heard.text == ""


def test_the_log_keeps_beginning_and_end(zoo: Zoo) -> None:
    log = zoo.log("floods")
    assert 16 * 2**20 < len(log) < 17 * 2**20
    assert "bytes are left out here" in log


def test_the_checkpoint_ran_no_code(zoo: Zoo) -> None:
    assert "the checkpoint ran code" not in zoo.log("pickled")


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    zoo = Zoo(tmp_path_factory.mktemp("hung"), ("hangs",))
    zoo.run("--model_id", "1", "--timeout", "8")
    return zoo


def test_a_hang_that_ignores_signals_ends_at_the_time_limit(hung: Zoo) -> None:
    row = hung.row("hangs")
    assert row["Failed stage"] == "timeout"
    assert "no result after 8 s" in row["Reason"]
