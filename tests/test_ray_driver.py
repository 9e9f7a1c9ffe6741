"""What the driver does with machines that die, refuse, join or are not there; Ray is played here."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from synthetic import synthetic_record, synthetic_split
from test_station import Run, begin

from esr.base.errors import UserError
from esr.evaluate import ray_cluster, ray_driver
from esr.evaluate.attempts import Waiting, list_attempts
from esr.evaluate.errand import Delivery, Task
from esr.evaluate.ray_driver import Driver
from esr.evaluate.resume import Plan
from esr.evaluate.running_jobs import RunningJobs
from esr.records.record import Failure, Outcome, Record
from esr.records.split_result import ProcessTiming


class Died(Exception):
    """What Ray raises when an actor is lost."""


class Raised(Died):
    """What it raises when something was raised over there, which is its cause."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


Measure = Callable[[str, Task], Outcome]
"""(machine, task) -> outcome; or raises."""


@dataclass
class PlayedRay:
    """A cluster of machines with a core each, on which time passes when somebody waits."""

    machines: list[str]
    measure: Measure
    address: str
    open: Callable[[str], str] = str
    free: list[str] = field(default_factory=list)
    asked: list[_Actor] = field(default_factory=list)
    waits: int = 0

    def __post_init__(self) -> None:
        self.exceptions = SimpleNamespace(RayError=Died, RayTaskError=Raised)
        self.free = [*self.machines]

    def join(self, machine: str) -> None:
        self.machines.append(machine)
        self.free.append(machine)

    def put(self, value: object) -> object:
        return value

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 1.0}} for _ in self.machines]

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(gcs_address=self.address)

    def remote(self, _: type) -> SimpleNamespace:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda _: _Actor(self)))

    def kill(self, actor: _Actor) -> None:
        if actor.machine is not None:
            self.free.append(actor.machine)
            actor.machine = None

    def wait(
        self, references: Sequence[_Call], timeout: float, num_returns: int = 1
    ) -> tuple[list[_Call], list[_Call]]:
        self.waits += 1
        assert self.waits < 500, "nothing happens any more"
        ready = [reference for reference in references if reference.actor.is_placed()]
        return ready[:1], []

    def get(self, reference: _Call) -> object:
        return reference.call()


@dataclass(eq=False)
class _Actor:
    ray: PlayedRay
    machine: str | None = None

    def is_placed(self) -> bool:
        if self.machine is None and self.ray.free:
            self.machine = self.ray.free.pop(0)
        return self.machine is not None

    @property
    def open(self) -> SimpleNamespace:
        return self._method(lambda _: self.ray.open(str(self.machine)))

    @property
    def close(self) -> SimpleNamespace:
        return self._method(lambda: None)

    @property
    def evaluate(self) -> SimpleNamespace:
        return self._method(lambda task: Delivery(self.ray.measure(str(self.machine), task), {}))

    def _method(self, body: Callable[..., object]) -> SimpleNamespace:
        return SimpleNamespace(remote=lambda *given: _Call(self, lambda: body(*given)))


@dataclass(eq=False)
class _Call:
    actor: _Actor
    call: Callable[[], object]


@pytest.fixture
def address() -> Iterator[str]:
    """Where somebody listens, as the head of a cluster does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def measured(task: Task) -> Record:
    """A record with one more process than the task's."""
    count = task.record.process_count if task.record else 0
    more = tuple(ProcessTiming((5.0,)) for _ in range(count))
    split = replace(synthetic_split("valid", 1, 5.0, 27.0, None), processes=more)
    made = synthetic_record(0, "T", (split,))
    return replace(made, label=task.entry.label, model_id=task.entry.model_id)


def drive(run: Run, ray: PlayedRay, count: int) -> list[Outcome]:
    """Have the driver measure that many submissions."""
    entry = run.entries[0]
    entries = tuple(replace(entry, model_id=number) for number in range(count))
    attempts = list_attempts(Plan((), entries, entries), run.folder / "results")
    driver = Driver(ray, run.setting, Waiting(attempts), RunningJobs(count))
    driver.open_stations()
    try:
        return list(driver.outcomes())
    finally:
        driver.close()


def test_who_kills_its_machine_is_tried_three_times_elsewhere_and_then_fails(
    tmp_path: Path, address: str
) -> None:
    met: list[str] = []

    def measure(machine: str, task: Task) -> Outcome:
        if task.entry.model_id == 2:
            met.append(machine)
            raise Died("the actor died")
        return measured(task)

    outcomes = drive(begin(tmp_path), PlayedRay(["a", "b"], measure, address), 4)
    assert Counter(type(outcome) for outcome in outcomes) == {Record: 3, Failure: 1}
    (failure,) = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert (failure.label, failure.stage) == ("02_T", "crash")
    assert failure.reason.endswith("was lost 3 times, on a, b")
    assert len(met) == 3
    assert met[0] != met[1]


def test_a_machine_that_dies_once_costs_nobody_a_row(tmp_path: Path, address: str) -> None:
    died: set[str] = set()

    def measure(machine: str, task: Task) -> Outcome:
        if task.entry.label not in died:
            died.add(task.entry.label)
            raise Died("the node died")
        return measured(task)

    outcomes = drive(begin(tmp_path), PlayedRay(["a", "b"], measure, address), 5)
    assert sorted(outcome.label for outcome in outcomes) == [f"{n:02d}_T" for n in range(5)]
    assert all(isinstance(outcome, Record) for outcome in outcomes)


def test_our_own_mistake_with_one_submission_costs_no_machine(tmp_path: Path, address: str) -> None:
    def measure(machine: str, task: Task) -> Outcome:
        if task.entry.model_id == 0:
            raise Raised(ZeroDivisionError("ours"))
        return measured(task)

    outcomes = drive(begin(tmp_path), PlayedRay(["a"], measure, address), 3)
    assert Counter(type(outcome) for outcome in outcomes) == {Record: 2, Failure: 1}


def test_a_machine_that_cannot_go_on_is_left_out_and_said_once(
    tmp_path: Path,
    address: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_driver, "_COUNT_EVERY_S", 0.0)
    opened = Counter[str]()

    def open_station(machine: str) -> str:
        opened[machine] += 1
        return machine

    def measure(machine: str, task: Task) -> Outcome:
        if machine == "full":
            raise Raised(UserError("no space left", where="full"))
        return measured(task)

    ray = PlayedRay(["full", "full", "b"], measure, address, open_station)
    outcomes = drive(begin(tmp_path), ray, 6)
    assert [type(outcome) for outcome in outcomes] == [Record] * 6
    assert capsys.readouterr().err.count("a machine is left out: full: no space left") == 1
    assert opened == {"full": 2, "b": 1}


def test_where_every_machine_refuses_the_first_reason_is_the_error(
    tmp_path: Path, address: str
) -> None:
    def refuse(machine: str) -> str:
        raise Raised(UserError("has another version of the harness", where=machine))

    ray = PlayedRay(["a", "b"], lambda _, task: measured(task), address, refuse)
    with pytest.raises(UserError, match="a: has another version of the harness"):
        drive(begin(tmp_path), ray, 4)


def test_a_station_that_dies_while_it_opens_is_replaced_only_so_often(
    tmp_path: Path, address: str
) -> None:
    def die(machine: str) -> str:
        raise Died("no module named esr")

    ray = PlayedRay(["a"], lambda _, task: measured(task), address, die)
    with pytest.raises(UserError, match="no module named esr"):
        drive(begin(tmp_path), ray, 2)


def test_a_machine_that_joins_later_is_used(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_driver, "_COUNT_EVERY_S", 0.0)
    met = Counter[str]()

    def measure(machine: str, task: Task) -> Outcome:
        met[machine] += 1
        if met.total() == 2:
            ray.join("late")
        return measured(task)

    ray = PlayedRay(["a"], measure, address)
    assert len(drive(begin(tmp_path), ray, 12)) == 12
    assert met["late"] > 0


def test_every_submission_meets_every_machine(tmp_path: Path, address: str) -> None:
    met = Counter[tuple[str, str]]()

    def measure(machine: str, task: Task) -> Outcome:
        met[task.entry.label, machine] += 1
        return measured(task)

    ray = PlayedRay(["a", "b", "c"], measure, address)
    outcomes = drive(begin(tmp_path, "--processes", "3"), ray, 5)
    assert len(outcomes) == 15
    assert set(met.values()) == {1}
    assert len(met) == 15


def test_with_fewer_processes_than_machines_a_line_says_so(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ray = PlayedRay(["a", "b", "c"], lambda _, task: measured(task), address)
    assert len(drive(begin(tmp_path, "--processes", "2"), ray, 4)) == 8
    assert "2 processes on 3 machines" in capsys.readouterr().err


def test_a_cluster_that_is_gone_ends_the_run(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "_HEAD_PATIENCE_S", 0.1)
    kept: list[Outcome] = []

    def measure(machine: str, task: Task) -> Outcome:
        if kept:
            ray.address = "127.0.0.1:9"
            ray.free.clear()
            raise Died("the node died")
        kept.append(measured(task))
        return kept[0]

    ray = PlayedRay(["a"], measure, address)
    monkeypatch.setattr(ray, "kill", lambda actor: None)
    monkeypatch.setattr(ray, "wait", _slowly(ray.wait))
    with pytest.raises(UserError, match="the cluster is gone") as gone:
        drive(begin(tmp_path), ray, 4)
    assert "give the same command" in str(gone.value)


def _slowly(wait: Callable[..., Any]) -> Callable[..., Any]:
    def waited(*given: Any, **named: Any) -> Any:

        time.sleep(0.02)
        return wait(*given, **named)

    return waited


def test_a_resumed_run_knows_which_machines_were_met(tmp_path: Path, address: str) -> None:
    run = begin(tmp_path, "--processes", "2")
    log = tmp_path / "results" / "logs" / "devices.jsonl"
    log.parent.mkdir(parents=True)
    line = '{"label": "00_T", "machine": "%s", "devices": ["core 0"], "began_s": 1, "ended_s": 2}\n'
    log.write_text(line % "b" + line % "a" + '{"label": "00_T", "mach')
    entry = run.entries[0]
    record = measured(Task(entry, None))
    (attempt,) = list_attempts(Plan((), (), (entry,), (record,)), tmp_path / "results")
    assert attempt.met == {"a": 1}
    assert Waiting([attempt]).take("a", {"a", "b"}) is None
