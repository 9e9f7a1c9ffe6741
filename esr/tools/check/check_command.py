"""`python -m esr check --model_id N`: as `python test_demo.py --check --model_id N`."""

from __future__ import annotations

from esr.base.command import ended
from esr.base.errors import ExitCode
from esr.base.house import ROOT
from esr.base.scratch import scratch_folder
from esr.evaluate.entries import choose_entries, list_entries
from esr.evaluate.options import Options, parse
from esr.tools.check.check_submission import check


def main(arguments: list[str]) -> int:
    """Run the command."""
    return ended(lambda: _run(parse(["--check", *arguments], ROOT)), debug="--debug" in arguments)


def _run(options: Options) -> ExitCode:
    with scratch_folder() as folder:
        entries = list_entries(options.selection, options.data, options.procedure, folder)
        return check(choose_entries(entries, options.selection), options)
