"""Hands submissions to the stations of a Ray cluster, and takes back what they deliver.

A station that dies is replaced, and what it was measuring is given to another one, twice at most.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from esr.base.errors import UserError, printable_line
from esr.base.json_file import write_bytes
from esr.evaluate.attempts import RETRIES, Attempt, Waiting
from esr.evaluate.compare_machine import describe_machine
from esr.evaluate.device_use import DEVICE_LOG, append
from esr.evaluate.errand import Delivery, Errand, name_data_files, pack
from esr.evaluate.ray_cluster import RayCluster
from esr.evaluate.ray_station import Station
from esr.evaluate.running_jobs import RunningJobs
from esr.evaluate.submission_run import RunSetting, SubmissionRun
from esr.measure.job import SubmissionFailed
from esr.records.record import Failure, Outcome, Record

_LOOK_EVERY_S = 1.0
_CLOSE_S = 10.0
_SAY_AFTER_S = 30.0
_COUNT_EVERY_S = 5.0


@dataclass(eq=False)
class _Place:
    """A station, from the driver's side."""

    actor: Any
    name: str = ""
    """Of its machine; empty until it is open."""
    attempt: Attempt | None = None


@dataclass
class Driver:
    """The one process that writes results; it measures nothing itself."""

    ray: Any
    setting: RunSetting
    waiting: Waiting
    jobs: RunningJobs
    _pending: dict[Any, _Place] = field(default_factory=dict)
    """By the reference that is waited for: an opening, or a measurement."""
    _places: list[_Place] = field(default_factory=list)
    _idle: deque[_Place] = field(default_factory=deque)
    _refusals: dict[str, UserError] = field(default_factory=dict)
    _died_opening: int = 0
    _given_up: int = 0
    """Stations that are not replaced."""
    _counted_s: float = field(default_factory=time.monotonic)
    _open_seen_s: float | None = field(default_factory=time.monotonic)
    """When there was a station that can measure; None once its absence is said."""

    def open_stations(self) -> None:
        """Ask for one station a GPU, or for as many as there are cores for.

        Raises:
            UserError: no machine has as many cores as a job needs.
        """
        options, entries = self.setting.options, tuple(each.entry for each in self.waiting)
        likeness = describe_machine(entries, self.setting)
        self._data_files = name_data_files(options, self.setting.staged)
        self._errand = self.ray.put(Errand(options, entries, self._data_files, likeness))
        on_gpu = options.confinement.device != "cpu"
        self._cluster = RayCluster(self.ray, options.engine.cpus_per_job, on_gpu=on_gpu)
        slots = self._cluster.count_slots()
        able = sum(number > 0 for number in slots)
        if 1 < options.processes < able:
            self.jobs.say(
                f"{options.processes} processes on {able} machines: not every submission meets"
                f" every machine; --processes {able} lets them"
            )
        self._fill_machines(slots)

    def _fill_machines(self, slots: Sequence[int]) -> None:
        """Open as many stations as there is room for, and need of."""
        running = sum(place.attempt is not None for place in self._places)
        wanted = min(sum(slots) - self._given_up, len(self.waiting) + running)
        for _ in range(len(self._places), wanted):
            self._open_station()

    def _open_station(self) -> None:
        remote = self.ray.remote(Station).options(**self._cluster.needs, max_concurrency=1)
        place = _Place(remote.remote(self._errand))
        self._places.append(place)
        self._pending[place.actor.open.remote(None)] = place

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what becomes of every submission, as it is ready.

        Raises:
            UserError: no machine can measure, or the cluster is gone.
        """
        while self.waiting or any(place.attempt for place in self._places):
            if not self._pending:
                raise next(iter(self._refusals.values()), UserError("no machine can measure"))
            ready, _ = self.ray.wait(list(self._pending), timeout=_LOOK_EVERY_S)
            self._cluster.look_for_head()
            self._look_for_machines()
            self.jobs.draw()
            for reference in ready:
                outcome = self._take(reference, self._pending.pop(reference))
                for ended in (outcome, *self._give_out()):
                    if ended is not None:
                        self.jobs.end(ended)
                        yield ended

    def _look_for_machines(self) -> None:
        """Use machines that have joined; say it if there is none."""
        now_s, seen_s = time.monotonic(), self._cluster.head_seen_s
        if now_s > self._counted_s + _COUNT_EVERY_S and seen_s > self._counted_s:
            self._counted_s = now_s
            self._fill_machines(self._cluster.count_slots())
        if any(place.name for place in self._places):
            self._open_seen_s = now_s
        elif self._open_seen_s is not None and now_s - self._open_seen_s > _SAY_AFTER_S:
            self._open_seen_s = None
            needs = self._cluster.needs
            gpu = " and a GPU" if needs["num_gpus"] else ""
            self.jobs.say(f"waiting for a machine with {needs['num_cpus']} cores{gpu} free")

    def _take(self, reference: Any, place: _Place) -> Outcome | None:  # noqa: ANN401
        attempt, place.attempt = place.attempt, None
        try:
            said = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:  # Something was raised over there.
            if attempt is not None and not isinstance(error.cause, UserError):
                return self._lose(place, attempt, error.cause)
            self._refuse(place, attempt, error.cause)
            return None
        except self.ray.exceptions.RayError as error:
            return self._lose(place, attempt, error)
        if said is None:
            self._pending[place.actor.open.remote(self._sent_data)] = place
            return None
        self._idle.append(place)
        if isinstance(said, Delivery):
            assert attempt is not None
            return self._go_on(attempt, place.name, self._keep(said))
        place.name = said
        return None

    def _go_on(self, attempt: Attempt, machine: str, outcome: Outcome) -> Outcome:
        """Let a further process follow, if more are asked for and this one has been measured."""
        if isinstance(outcome, Record):
            after = attempt.after(outcome, machine)
            if attempt.done < after.done < self.setting.options.processes:
                self.waiting.add(after)
        return outcome

    @cached_property
    def _sent_data(self) -> Any:  # noqa: ANN401
        """The image files, in the cluster's object store: they travel once to each machine."""
        folder = self.setting.options.data.data_dir
        return self.ray.put({name: (folder / name).read_bytes() for name in self._data_files})

    def _give_out(self) -> Iterator[Outcome]:
        """Give each idle station what it is to measure; yield what cannot be given to anybody."""
        machines = {place.name for place in self._places if place.name}
        for _ in range(len(self._idle)):
            place = self._idle.popleft()
            while (attempt := self.waiting.take(place.name, machines)) is not None:
                failed = self._send(place, attempt)
                if failed is None:
                    break
                yield failed
            else:
                self._idle.append(place)

    def _send(self, place: _Place, attempt: Attempt) -> Outcome | None:
        save_dir, hidden = self.setting.options.output.save_dir, self.setting.policy.hidden
        try:
            task = pack(attempt.entry, attempt.record, save_dir, hidden)
        except SubmissionFailed as failed:
            return SubmissionRun(attempt.entry, self.setting).fail(failed)
        self.jobs.begin(attempt.entry.label, place.name)
        place.attempt = attempt
        self._pending[place.actor.evaluate.remote(task)] = place
        return None

    def _refuse(self, place: _Place, attempt: Attempt | None, why: BaseException) -> None:
        """Give a machine up that says itself that it cannot go on."""
        self._drop(place)
        self._given_up += 1
        error = why if isinstance(why, UserError) else UserError(printable_line(repr(why)))
        if str(error) not in self._refusals:
            self._refusals[str(error)] = error
            self.jobs.say(f"a machine is left out: {error}")
        if attempt is not None:
            self.jobs.give_up(attempt.entry.label, str(error))
            self.waiting.add(attempt, first=True)

    def _lose(self, place: _Place, attempt: Attempt | None, error: BaseException) -> Outcome | None:
        """Replace a station that has died; what it measured is tried again elsewhere."""
        self._drop(place)
        why = printable_line(str(error))
        if attempt is None:
            self._died_opening += 1
            if self._died_opening > RETRIES + len(self.waiting):
                self._refusals[why] = UserError(why)
                self._given_up += 1
                return None
        self._cluster.look_for_head()
        self._open_station()
        if attempt is None:
            return None
        self.jobs.give_up(attempt.entry.label, why)
        attempt.lost[place.name] += 1
        if attempt.may_be_tried_again:
            self.waiting.add(attempt)
            return None
        return self._give_up(attempt)

    def _give_up(self, attempt: Attempt) -> Outcome | None:
        entry, machines = attempt.entry, ", ".join(sorted(attempt.lost))
        times = f"{attempt.lost.total()} times, on {machines}"
        reason = f"the process or machine that measured it was lost {times}"
        if attempt.record is not None:  # What the processes before have measured stays.
            self.jobs.say(f"{entry.label}: no further process: {reason}")
            return None
        return SubmissionRun(entry, self.setting).fail(SubmissionFailed("crash", reason))

    def _drop(self, place: _Place) -> None:
        """End a station, so that whatever it still holds is free."""
        self._places.remove(place)
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(place.actor)

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
        closing = [place.actor.close.remote() for place in self._idle]
        with suppress(self.ray.exceptions.RayError):
            if closing:
                self.ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_S)
        for place in self._places:
            self.ray.kill(place.actor)
