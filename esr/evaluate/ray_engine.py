"""Many GPUs, many machines: each submission is measured whole on a station of a Ray cluster.

The driver alone writes results (`esr.evaluate.ray_driver`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from esr.base.errors import UserError, printable_line
from esr.base.house import ROOT
from esr.base.scratch import remove_orphans, scratch_folder
from esr.evaluate.attempts import Waiting, list_attempts
from esr.evaluate.options import Options
from esr.evaluate.ray_driver import Driver
from esr.evaluate.resume import Plan
from esr.evaluate.running_jobs import RunningJobs
from esr.evaluate.submission_run import RunSetting
from esr.records.record import Outcome

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
        with chdir(
            ROOT
        ):  # Ray shows it to the stations before all else: another `esr` may lie here.
            ray.init(
                address=address or "local",  # Else it would join whatever it finds here.
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

    Further processes of a submission follow the first ones of all, on machines that have measured
    it least.

    Raises:
        UserError: no machine of the cluster can measure.
    """
    options = setting.options
    attempts = list_attempts(plan, options.output.save_dir)
    if not attempts:
        return
    with RunningJobs(sum(options.processes - attempt.done for attempt in attempts)) as jobs:
        driver = Driver(_import_ray(), setting, Waiting(attempts), jobs)
        try:
            driver.open_stations()
            yield from driver.outcomes()
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
