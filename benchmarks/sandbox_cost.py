"""What bubblewrap costs a submission beside Landlock: `python -m benchmarks.sandbox_cost`.

The same child, a start of Python with PyTorch and then some forward passes, alternating in both.
What other jobs of the machine take only ever adds, so the fastest of the rounds stand for each.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from esr.sandbox import bubblewrap, landlock  # noqa: E402
from esr.sandbox.policy import places_of_house  # noqa: E402

_ROUNDS = 12
_PASSES = """
import time, torch
torch.set_num_threads(1)
network = torch.nn.Sequential(*[torch.nn.Conv2d(32, 32, 3, padding=1) for _ in range(8)])
image, took = torch.rand(1, 32, 64, 64), []
with torch.no_grad():
    for _ in range(60):
        start = time.perf_counter()
        network(image)
        took.append(time.perf_counter() - start)
print(1e3 * min(took))
"""


def run_child(program: str, *, sandbox: bool) -> tuple[float, str]:
    """Run a program as a submission's process is run.

    Returns:
        (seconds from its start to its end, what it printed)
    """
    command = [sys.executable, "-c", program]
    with tempfile.TemporaryDirectory() as folder:
        places = places_of_house(Path(folder))
        start = time.perf_counter()
        with (
            bubblewrap.wrapped(command, places) if sandbox else nullcontext((command, ())) as it,
            nullcontext() if sandbox else landlock.rules(places) as restrict,
        ):
            done = subprocess.run(
                it[0],
                pass_fds=it[1],
                preexec_fn=restrict,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                check=True,
            )
        return time.perf_counter() - start, done.stdout


def main() -> None:
    """Print seconds and ratios."""
    bubblewrap.check()
    programs = {"Python alone": "", "with PyTorch": "import torch", "passes": _PASSES}
    for name, program in programs.items():
        took: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(_ROUNDS):
            for sandbox in (turn % 2 == 0, turn % 2 == 1):
                seconds, printed = run_child(program, sandbox=sandbox)
                took[sandbox].append(float(printed) if printed else 1e3 * seconds)
        with_it, without = min(took[True]), min(took[False])
        pairs = statistics.median(a / b for a, b in zip(took[True], took[False], strict=True))
        print(
            f"{name}: {with_it:.2f} ms in bubblewrap, {without:.2f} ms by Landlock,"
            f" {with_it - without:+.2f} ms, ratio {with_it / without:.3f} (median {pairs:.3f})"
        )


if __name__ == "__main__":
    main()
