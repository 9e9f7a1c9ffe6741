"""How submissions follow one another: what `--engine` names.

An engine is a module with two functions. Nothing else in the program knows which one runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from esr.evaluate.arguments import ENGINES
from esr.evaluate.options import Options
from esr.evaluate.resume import Plan
from esr.evaluate.submission_run import RunSetting
from esr.records.record import Outcome


@dataclass(frozen=True)
class Engine:
    """What runs the submissions."""

    open_workplace: Callable[[Options], AbstractContextManager[tuple[Path, Path]]]
    """Makes sure that submissions can be run: (folder for HR, folder for jobs)."""
    evaluate_all: Callable[[Plan, RunSetting], Iterator[Outcome]]
    """Measures what a run has planned, and yields what becomes of each as it is ready."""


def choose_engine(options: Options) -> Engine:
    """Take the engine that was asked for."""
    module = import_module(ENGINES[options.engine.name])
    return Engine(module.open_workplace, module.evaluate_all)
