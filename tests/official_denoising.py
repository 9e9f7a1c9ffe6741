"""The official denoising script run as it is on a machine without CUDA: `FOLDER ARGUMENTS...`.

What it asks of CUDA is answered here; its own lines run unchanged, in a process of their own.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
from types import ModuleType
from typing import Any

import torch


class _Event:
    def __init__(self, **_: Any) -> None: ...

    def record(self) -> None: ...

    def elapsed_time(self, _: _Event) -> float:
        return 1.0


def main(folder: str, arguments: list[str]) -> None:
    """Run `test_demo.py` of a clone with its folder as the place where it works."""
    if not torch.cuda.is_available():
        answers = {"current_device": 0, "max_memory_allocated": 0}
        for name, answer in answers.items():
            setattr(torch.cuda, name, lambda *_, answer=answer: answer)
        torch.cuda.synchronize = torch.cuda.empty_cache = lambda *_: None
        torch.cuda.Event = _Event  # type: ignore[misc, assignment]
    if importlib.util.find_spec("torchvision") is None:
        for name in ("torchvision", "torchvision.utils"):  # Imported, and never used.
            sys.modules[name] = ModuleType(name)
            vars(sys.modules[name])["make_grid"] = None
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = ["test_demo.py", *arguments]
    runpy.run_path("test_demo.py", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
