"""Measure Efficient SR submissions and write the leaderboard: `python test_demo.py --model_id 0`.

The whole program, read downwards: options -> submissions -> data -> one child process each ->
records -> tables. `utils/__init__.py` is the map of the rooms behind it.
"""

from __future__ import annotations

import signal
import sys
import traceback
from functools import partial
from pathlib import Path

from utils import resume, run_log
from utils.check.check import check
from utils.entries import all_entries, chosen_entries
from utils.errors import ExitCode, UserError, cause
from utils.evaluation import evaluate_all, stage_all
from utils.isolation import check_device
from utils.options import Options, parse
from utils.rank.row import Row
from utils.record import Failure, Outcome
from utils.sandbox import bubblewrap
from utils.sandbox.gpu_lock import gpu_lock
from utils.scratch import remove_orphans, scratch_folder
from utils.store import Store
from utils.submission import Entry
from utils.tables import report
from utils.tables.board import board
from utils.tables.formats import LEADERBOARD, write, write_all

ROOT = Path(__file__).resolve().parent


def run(options: Options) -> ExitCode:
    """List or measure the submissions that were asked for."""
    with scratch_folder() as code_dir:
        entries = all_entries(options, ROOT, code_dir)
        if options.list:
            report.print_listing(entries)
            return ExitCode.OK
        chosen = chosen_entries(entries, options)
        return check(chosen, options) if options.check else evaluate(chosen, options)


def evaluate(chosen: list[Entry], options: Options) -> ExitCode:
    """Make sure that everything needed is there, then measure."""
    report.print_trust(chosen, options.trust)
    store = Store(options.save_dir, options.protocol, publishers=(partial(publish, options),))
    store.open()
    if options.sandbox:
        bubblewrap.check()
    check_device(options.device)
    remove_orphans()
    # Two folders of unrelated names: what a child works in must not lead it to HR.
    with gpu_lock(options.device), scratch_folder() as hr_dir, scratch_folder() as job_dir:
        return measure(chosen, store, options, hr_dir, job_dir)


def measure(
    chosen: list[Entry], store: Store, options: Options, hr_dir: Path, job_dir: Path
) -> ExitCode:
    """Measure what is not measured yet, keep each outcome at once, and print the leaderboard."""
    staged = stage_all(chosen, options, hr_dir)
    plan = resume.plan(chosen, staged, options, store.rows())
    report.print_kept(plan.kept)
    outcomes: list[Outcome] = []
    for outcome in evaluate_all(plan.entries, staged, options, job_dir):
        store.save(outcome)
        run_log.append(outcome, store.log)
        report.print_outcome(outcome)
        outcomes.append(outcome)
    store.publish()  # A run that was killed may have left tables older than its records.
    finished = board(store.rows(), options.protocol)
    write_all(finished, store.save_dir)
    report.print_leaderboard(finished, store.save_dir)
    report.print_summary(plan.kept, outcomes, finished, store.save_dir)
    failed = any(isinstance(outcome, Failure) for outcome in outcomes)
    return ExitCode.SOME_FAILED if failed else ExitCode.OK


def publish(options: Options, rows: list[Row], save_dir: Path) -> None:
    """Rebuild the leaderboard that others may be reading while the run goes on."""
    write(LEADERBOARD, board(rows, options.protocol), save_dir)


def main(arguments: list[str]) -> int:
    """Run the command; the user's mistakes cost one line, ours keep their traceback."""
    # A run that is terminated must stop its child, just as one that is interrupted; what nohup
    # has told it to ignore it ignores.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        return run(parse(arguments, ROOT))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: what was finished is recorded\n")
        return ExitCode.INTERRUPTED
    except (UserError, OSError) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        if isinstance(error, OSError):
            error = UserError(cause(error), where=error.filename or "the system")
        sys.stderr.write(f"error: {error}\n")
        return ExitCode.UNUSABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
