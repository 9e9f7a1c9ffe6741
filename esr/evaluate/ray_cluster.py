"""What a Ray cluster has for jobs, and whether it is still there."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from esr.base.errors import UserError

_KNOCK_S = 1.0
_HEAD_PATIENCE_S = 20.0
"""Ray itself waits 60 s for its head, and then ends the whole process."""


class RayCluster:
    """The cluster that this process has joined.

    Args:
        ray: the module.
        cpus_per_job: cores that a job has to itself.
        on_gpu: whether a job has a GPU to itself too, if any machine has one.

    Raises:
        UserError: no machine has as many cores as a job needs.
    """

    def __init__(self, ray: Any, cpus_per_job: int, *, on_gpu: bool) -> None:  # noqa: ANN401
        self._ray = ray
        self.head_seen_s = time.monotonic()
        """When it was last there."""
        machines = self._list_machines()
        widest = max((int(has.get("CPU", 0)) for has in machines), default=0)
        if cpus_per_job > widest:
            raise UserError(
                f"no machine of the cluster has {cpus_per_job} cores",
                where="--cpus_per_job",
                remedy=f"ask for at most {widest}",
            )
        takes_gpu = on_gpu and any(has.get("GPU") for has in machines)
        self.needs = {"num_cpus": cpus_per_job, "num_gpus": 1 if takes_gpu else 0}
        """Of a job, as Ray takes it."""

    def _list_machines(self) -> list[dict[str, float]]:
        """List what every machine of the cluster has for jobs."""
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def count_slots(self) -> list[int]:
        """Count the jobs that each machine has room for."""
        per_job = {"GPU": self.needs["num_gpus"], "CPU": self.needs["num_cpus"]}
        return [
            min(int(has.get(what, 0)) // number for what, number in per_job.items() if number)
            for has in self._list_machines()
        ]

    def look_for_head(self) -> None:
        """Notice that the cluster is gone.

        Raises:
            UserError: it is.
        """
        address = self._ray.get_runtime_context().gcs_address
        host, _, port = address.rpartition(":")
        now_s = time.monotonic()
        with suppress(OSError):
            socket.create_connection((host, int(port)), _KNOCK_S).close()
            self.head_seen_s = now_s
        if now_s - self.head_seen_s > _HEAD_PATIENCE_S:
            raise UserError(
                "the cluster is gone",
                where=f"--engine_address {address}",
                remedy="start it again, then give the same command: what is recorded is kept",
            )
