"""Many GPUs, many machines: each submission is measured whole on a station of a Ray cluster.

The driver alone writes results. A station that dies is replaced, and what it was measuring is
given to another one, twice at most.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from esr.base.errors import UserError, printable_line
from esr.base.json_file import write_bytes
from esr.base.scratch import remove_orphans, scratch_folder
from esr.datasets.splits import find_splits
from esr.evaluate import provenance
from esr.evaluate.device_use import DEVICE_LOG, append
from esr.evaluate.options import Options
from esr.evaluate.ray_station import (
    SETTINGS,
    Delivery,
    Errand,
    Station,
    Task,
    name_sets,
    pack,
)
from esr.evaluate.resume import Plan
from esr.evaluate.running_jobs import RunningJobs
from esr.evaluate.submission_run import RunSetting
from esr.records.record import Failure, Outcome, Record
from esr.submissions.submission import Entry

RETRIES = 2
_LOOK_EVERY_S = 1.0
_CLOSE_S = 10.0
_KNOCK_S = 10.0


@contextmanager
def open_workplace(options: Options) -> Iterator[tuple[Path, Path]]:
    """Join a Ray cluster, or start one on this machine.

    Yields:
        (folder for HR, folder for jobs), of the driver, which measures nothing itself.

    Raises:
        UserError: Ray is not installed, or the cluster cannot be reached.
    """
    ray = _import_ray()
    if options.selection.interleave is not None:
        raise UserError("measures on one machine alone", where="--interleave")
    remove_orphans()
    address = options.engine.address or os.environ.get("RAY_ADDRESS")
    try:
        _knock(address)
        ray.init(
            address=address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="error",
        )
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise UserError(
            f"no cluster can be reached ({printable_line(str(error))})",
            where=f"--engine_address {address}" if address else "--engine ray",
            remedy="start one with: ray start --head",
        ) from error
    try:
        with scratch_folder() as hr_dir, scratch_folder() as job_dir:
            yield hr_dir, job_dir
    finally:
        ray.shutdown()


def evaluate_all(plan: Plan, setting: RunSetting) -> Iterator[Outcome]:
    """Measure submissions on all stations at once; outcomes come as they are ready.

    Further processes of a submission follow the first ones of all, on machines that it has not met
    yet where there are such.

    Raises:
        UserError: no machine of the cluster can measure.
    """
    begun = {record.label: record for record in plan.begun}
    todo = deque(_Attempt(entry) for entry in plan.entries)
    todo += (_Attempt(entry, begun[entry.label]) for entry in plan.chosen if entry.label in begun)
    if todo:
        with _opened(todo, setting) as driver:
            yield from driver.outcomes()


@contextmanager
def _opened(todo: deque[_Attempt], setting: RunSetting) -> Iterator[_Driver]:
    driver = _Driver(_import_ray(), setting, todo)
    with RunningJobs(sum(driver.left(attempt) for attempt in todo)) as jobs:
        driver.jobs = jobs
        try:
            driver.open_stations([attempt.entry for attempt in todo])
            yield driver
        finally:
            driver.close()


def _knock(address: str | None) -> None:
    """Make sure that somebody listens there: Ray would wait for ever.

    Raises:
        OSError: nobody does.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), _KNOCK_S).close()


def _import_ray() -> Any:  # noqa: ANN401
    # It would report its use to its makers, and hide GPUs from whoever reserves none.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "needs the package ray", where="--engine ray", remedy="run: python -m pip install ray"
        ) from error
    return ray


@dataclass
class _Attempt:
    """A submission that is still to be measured."""

    entry: Entry
    record: Record | None = None
    """Of its processes so far."""
    lost: int = 0
    """Stations that died of it."""
    met: frozenset[str] = frozenset()
    """Machines that it was measured on."""

    @property
    def done(self) -> int:
        """Processes that it was measured in."""
        return self.record.process_count if self.record else 0


@dataclass
class _Place:
    """A station, from the driver's side."""

    actor: Any
    name: str = ""
    attempt: _Attempt | None = None


@dataclass
class _Driver:
    """Hands submissions to stations, and takes back what they deliver."""

    ray: Any
    setting: RunSetting
    todo: deque[_Attempt]
    pending: dict[Any, _Place] = field(default_factory=dict)
    """By the reference that is waited for: an opening, or a measurement."""
    places: list[_Place] = field(default_factory=list)
    idle: deque[_Place] = field(default_factory=deque)
    refusals: list[UserError] = field(default_factory=list)
    jobs: RunningJobs = field(default_factory=lambda: RunningJobs(0))
    died_opening: int = 0

    def left(self, attempt: _Attempt) -> int:
        """Count the processes that a submission still needs."""
        return self.setting.options.processes - attempt.done

    def open_stations(self, entries: Sequence[Entry]) -> None:
        """Ask for one station a GPU, or for as many as there are cores for."""
        options = self.setting.options
        environment = {name: v for name, v in os.environ.items() if SETTINGS.fullmatch(name)}
        self._data_files = _name_data(self.setting)
        errand = Errand(
            options,
            tuple(entries),
            self.setting.request.code_sha256,
            name_sets(self.setting.staged),
            self._data_files,
            environment,
        )
        self._errand = self.ray.put(errand)
        resources = self.ray.cluster_resources()
        gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
        widest = max(int(n["Resources"].get("CPU", 0)) for n in self.ray.nodes() if n["Alive"])
        each = options.engine.cpus_per_job
        if each > widest:
            raise UserError(
                f"no machine of the cluster has {each} cores",
                where="--cpus_per_job",
                remedy=f"ask for at most {widest}",
            )
        on_gpu = gpus > 0 and options.confinement.device != "cpu"
        self._needs = {"num_cpus": each, "num_gpus": 1 if on_gpu else 0}
        slots = gpus if on_gpu else cores // max(1, each)
        for _ in range(min(slots, len(entries))):
            self._open_station()

    def _open_station(self) -> None:
        remote = self.ray.remote(Station).options(**self._needs, max_concurrency=1)
        place = _Place(remote.remote(self._errand))
        self.places.append(place)
        self.pending[place.actor.open.remote(None)] = place

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what becomes of every submission, as it is ready."""
        while self.todo or any(place.attempt for place in self.pending.values()):
            if not self.pending:
                raise self.refusals[0] if self.refusals else UserError("no machine can measure")
            ready, _ = self.ray.wait(list(self.pending), timeout=_LOOK_EVERY_S)
            self.jobs.draw()
            for reference in ready:
                place = self.pending.pop(reference)
                outcome = self._take(reference, place)
                self._give_out()
                if outcome is not None:
                    self.jobs.end(outcome)
                    yield outcome

    def _take(self, reference: Any, place: _Place) -> Outcome | None:  # noqa: ANN401
        attempt, place.attempt = place.attempt, None
        try:
            said = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:  # Something was raised over there.
            self._refuse(attempt, error.cause)
            return None
        except self.ray.exceptions.RayError as error:
            return self._lose(attempt, error)
        if said is None:
            self.pending[place.actor.open.remote(self._sent_data)] = place
            return None
        self.idle.append(place)
        if isinstance(said, Delivery):
            assert attempt is not None
            return self._go_on(attempt, place.name, self._keep(said))
        place.name = said
        return None

    def _go_on(self, attempt: _Attempt, machine: str, outcome: Outcome) -> Outcome:
        """Let a further process follow, if more are asked for and this one has been measured."""
        if isinstance(outcome, Record):
            met = attempt.met | {machine}
            after = _Attempt(attempt.entry, outcome, met=met)
            if after.done > attempt.done and self.left(after) > 0:
                self.todo.append(after)
        return outcome

    @cached_property
    def _sent_data(self) -> Any:  # noqa: ANN401
        """The image files, in the cluster's object store: they travel once to each machine."""
        folder = self.setting.options.data.data_dir
        return self.ray.put({name: (folder / name).read_bytes() for name in self._data_files})

    def _give_out(self) -> None:
        while self.todo and self.idle:
            place = self.idle.popleft()
            place.attempt = attempt = self._choose(place.name)
            self.jobs.begin(attempt.entry.label, place.name)
            task: Task = pack(attempt.entry, attempt.record)
            self.pending[place.actor.evaluate.remote(task)] = place

    def _choose(self, machine: str) -> _Attempt:
        """Take the next that has not met the machine, among those in as many processes so far."""
        first = self.todo[0]
        level = [a for a in self.todo if self.left(a) == self.left(first)]
        chosen = next((a for a in level if machine not in a.met), first)
        self.todo.remove(chosen)
        return chosen

    def _refuse(self, attempt: _Attempt | None, why: BaseException) -> None:
        """Give a machine up that says itself that it cannot go on."""
        error = why if isinstance(why, UserError) else UserError(printable_line(repr(why)))
        self.refusals.append(error)
        self.jobs.say(f"a machine is left out: {error}")
        if attempt is not None:
            self.jobs.give_up(attempt.entry.label, str(error))
            self.todo.appendleft(attempt)

    def _lose(self, attempt: _Attempt | None, error: Exception) -> Outcome | None:
        """Replace a station that has died; what it measured is tried again elsewhere."""
        if attempt is None and not self._is_worth_another():
            self.refusals.append(UserError(printable_line(str(error))))
            return None
        self._open_station()
        if attempt is None:
            return None
        self.jobs.give_up(attempt.entry.label, printable_line(str(error)))
        attempt.lost += 1
        if attempt.lost <= RETRIES:
            self.todo.append(attempt)
            return None
        reason = f"the process that measured it was killed {attempt.lost} times"
        if attempt.record is not None:  # What the processes before have measured stays.
            self.jobs.say(f"{attempt.entry.label}: no further process: {reason}")
            return None
        entry = attempt.entry
        return Failure(entry.label, entry.model_id, "crash", reason, provenance.now())

    def _is_worth_another(self) -> bool:
        """Whether a station that died while it opened is replaced: as often as there are tasks."""
        self.died_opening += 1
        return self.died_opening <= RETRIES + len(self.todo)

    def _keep(self, delivery: Delivery) -> Outcome:
        save_dir = self.setting.options.output.save_dir
        for name, data in delivery.files.items():
            if Path(name).name == DEVICE_LOG:
                append(save_dir / name, data)
            else:
                write_bytes(save_dir / name, data)
        outcome = delivery.outcome
        if isinstance(outcome, Failure):
            log = str(save_dir / outcome.log) if outcome.log else None
            return replace(outcome, log=log)
        return outcome

    def close(self) -> None:
        """Let every station remove its files, and end it."""
        # One that still waits for its cores, or measures, would not hear of it.
        closing = [place.actor.close.remote() for place in self.idle]
        with suppress(self.ray.exceptions.RayError):
            if closing:
                self.ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_S)
        for place in self.places:
            self.ray.kill(place.actor)


def _name_data(setting: RunSetting) -> tuple[str, ...]:
    """Name the image files of a run, below its data folder."""
    options = setting.options
    data_dir, protocol = options.data.data_dir, options.protocol
    pairs = [
        pair
        for scale in setting.staged.splits
        for split in find_splits(options.data, protocol, scale)
        for pair in split.pairs
    ]
    return tuple(
        dict.fromkeys(
            file.relative_to(data_dir).as_posix() for pair in pairs for file in (pair.lr, pair.hr)
        )
    )
