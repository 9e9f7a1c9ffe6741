"""Ray nodes on this machine, as `ray start` starts them, that a test may kill and start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_NUM_REDIS_GET_RETRIES": "2"}
"""The second: a head that died in the meantime is waited for a minute, not for ten."""


class Node:
    """One node: `ray start --block` and everything below it.

    Args:
        flags: of `ray start`.
    """

    def __init__(self, *flags: str) -> None:
        ray = str(Path(sys.executable).with_name("ray"))
        self._command = [ray, "start", "--block", *flags]

    def start(self) -> None:
        """Start it, and wait until it says that it runs."""
        self._process = subprocess.Popen(
            self._command,
            env=os.environ | _SETTINGS,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                self._parts = psutil.Process(self._process.pid).children()
                return
        raise AssertionError("".join(said))

    @property
    def is_alive(self) -> bool:
        """Whether nothing of it has died: it ends soon after the first of its parts."""
        return self._process.poll() is None and all(part.is_running() for part in self._parts)

    def processes(self) -> list[psutil.Process]:
        """List what belongs to it: servers, workers, and what these have started."""
        with suppress(psutil.Error):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """Kill it, with everything that is left of it."""
        left = [process for process in self.processes() if process.is_running()]
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for process in left:
            with suppress(psutil.Error):
                process.kill()


class Cluster:
    """Two nodes.

    Args:
        folder: for Ray's own files; of a short name, since sockets lie there.
        flags: of `ray start`, for both.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        port = 20_000 + os.getpid() % 20_000
        self.address = f"127.0.0.1:{port}"
        head = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
        self.nodes = [Node(*head, *flags), Node(f"--address={self.address}", *flags)]

    def mend(self) -> None:
        """Start again what has died: all of it if it was the head, whom the others obey."""
        head, *others = self.nodes
        dead = self.nodes if not head.is_alive else [n for n in others if not n.is_alive]
        for node in dead:
            node.kill()
        try:
            for node in dead:
                node.start()
        except AssertionError:
            if head.is_alive:
                raise
            self.mend()  # It died between the look and the start.


@contextmanager
def two_nodes(*flags: str) -> Iterator[Cluster]:
    """Run a cluster of two nodes, each with a core unless the flags say otherwise."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    cluster = Cluster(folder, *(flags or ("--num-cpus=1",)))
    try:
        for node in cluster.nodes:
            node.start()
        yield cluster
    finally:
        for node in cluster.nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
