"""How much sooner two Ray nodes are done than one process: `python -m benchmarks.cluster_speed`.

Sixteen submissions of 3 s each are measured one after the other, and then on two nodes of this
machine with one job each, whose time begins before Ray is started. A submission sleeps while its
module is imported, so that two of them need no more cores than one: what is timed is the harness.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import psutil
import torch
from PIL import Image as Pillow

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from benchmarks.images import SCALE, pair, photograph  # noqa: E402
from benchmarks.model import write_submissions  # noqa: E402
from esr.evaluate.device_use import DEVICE_LOG, DeviceUse, list_uses  # noqa: E402
from esr.images.resample import imresize_uint8  # noqa: E402

AT_MOST = 0.6
_RAY = Path(sys.executable).with_name("ray")
_PORT = 26_379


def write_all(folder: Path, submissions: int, seconds: float) -> None:
    """Write submissions that sleep, and two small pairs of images in `data/`."""
    write_submissions(folder, submissions)
    for model_file in (folder / "models").glob("*.py"):
        source = model_file.read_text(encoding="utf-8")
        model_file.write_text(f"{source}\nimport time\ntime.sleep({seconds})\n", encoding="utf-8")
    for number in range(2):
        lr_file, hr_file = pair(folder / "data", number)
        for file in (lr_file, hr_file):
            file.parent.mkdir(parents=True, exist_ok=True)
        hr = photograph(number, 96, 128)
        Pillow.fromarray(hr).save(hr_file)
        Pillow.fromarray(imresize_uint8(hr, 1 / SCALE)).save(lr_file)


def measure_all(folder: Path, name: str, more: Sequence[str] = ()) -> None:
    """Run the command on them.

    Raises:
        CalledProcessError: one of them failed.
    """
    where = ["--data_dir", str(folder / "data"), "--save_dir", str(folder / name)]
    command = [sys.executable, str(ROOT / "test_demo.py"), "--submission", str(folder)]
    command += ["--model_id", "all", "--device", "cpu", "--force", *where, *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _print_uses(save_dir: Path) -> None:
    """Print how long the cores of each node were held, and how long they were free between."""
    held: dict[tuple[str, ...], list[DeviceUse]] = {}
    for use in list_uses(save_dir / "logs" / DEVICE_LOG):
        held.setdefault(use.devices, []).append(use)
    for devices, uses in held.items():
        spans = [use.ended_s - use.began_s for use in uses]
        between = [b.began_s - a.ended_s for a, b in pairwise(uses)]
        median_s = statistics.median(spans), statistics.median(between or [0.0])
        print(f"{', '.join(devices)}: {len(uses)} held for {median_s[0]:.1f} s each,", end=" ")
        print(f"{median_s[1]:.1f} s between")


@contextmanager
def two_nodes() -> Iterator[str]:
    """Start two nodes with a core each; yield their address as soon as one can be joined."""
    address = f"127.0.0.1:{_PORT}"
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        head_flags = (f"--port={_PORT}", "--include-dashboard=false", f"--temp-dir={folder}")
        nodes = [_start_node("--head", *head_flags)]
        try:
            _await_start(nodes[0])
            nodes.append(_start_node(f"--address={address}"))  # It joins while the run begins.
            yield address
        finally:
            parts = [p for node in nodes for p in psutil.Process(node.pid).children(recursive=True)]
            for node in nodes:
                node.send_signal(signal.SIGTERM)
                node.communicate()
            for part in parts:  # Servers that Ray itself leaves behind.
                with suppress(psutil.Error):
                    part.kill()


def _start_node(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [_RAY, "start", "--block", "--num-cpus=1", *flags],
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _await_start(node: subprocess.Popen[str]) -> None:
    assert node.stdout is not None
    if not any("Ray runtime started" in line for line in node.stdout):
        raise RuntimeError("Ray does not start")


def main() -> int:
    """Measure, print, and say by the exit status whether it is as fast as asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    os.environ["RAY_AUTH_MODE"] = "disabled"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_all(folder, given.submissions, given.seconds)
        start = time.perf_counter()
        measure_all(folder, "serial")
        serial_s = time.perf_counter() - start
        _print_uses(folder / "serial")
        print(f"serial {serial_s:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        start = time.perf_counter()
        with two_nodes() as address:
            nodes_s = time.perf_counter() - start
            engine = ["--engine", "ray", "--engine_address", address, "--cpus_per_job", "1"]
            measure_all(folder, "ray", engine)
            ray_s = time.perf_counter() - start
        _print_uses(folder / "ray")
    ratio = ray_s / serial_s
    print(f"Ray {ray_s:.1f} s, the first node after {nodes_s:.1f}, load {os.getloadavg()[0]:.1f}")
    print(f"ratio: {ratio:.2f} (at most {AT_MOST})")
    return int(ratio > AT_MOST)


if __name__ == "__main__":
    sys.exit(main())
