"""Measure Efficient SR submissions and write the leaderboard: `python test_demo.py --model_id 0`.

The whole program, read downwards: options -> submissions -> data -> one child process each ->
records -> tables. `esr/__init__.py` is the map of the rooms behind it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if getattr(sys.flags, "safe_path", sys.flags.isolated):
    # With -I, -P or PYTHONSAFEPATH Python does not look beside its program.
    sys.path.insert(0, str(ROOT))

import esr.base.prerequisites  # noqa: F401  # Before what needs them.
from esr.base.interruption import end_at_once

if __name__ == "__main__":
    end_at_once()

from esr.base.command import command, print_any_name
from esr.base.errors import ExitCode
from esr.base.scratch import scratch_folder
from esr.evaluate import resume
from esr.evaluate.choose_engine import choose_engine
from esr.evaluate.entries import choose_entries, find_years, list_entries, list_unnamed
from esr.evaluate.options import Options, parse
from esr.evaluate.settle_sandbox import settle_sandbox
from esr.evaluate.staged_data import stage_all
from esr.evaluate.submission_run import RunSetting
from esr.records import official_results
from esr.records.record import Failure, Outcome
from esr.records.results_folder import Store
from esr.report.formats import make_publisher, write_all
from esr.report.report_choices import (
    ReportChoices,
    describe_choices,
    keep_choices,
    read_choices,
)
from esr.report.terminal import (
    print_choices,
    print_kept,
    print_leaderboard,
    print_listing,
    print_other_rules,
    print_outcome,
    print_replacement,
    print_summary,
    print_trust,
    print_uploads,
    print_years,
)
from esr.submissions.submission import Entry
from esr.tools.check.check_command import check


def run(options: Options) -> ExitCode:
    """List or measure the submissions that were asked for."""
    with scratch_folder() as code_dir:
        entries = list_entries(options.selection, options.data, options.procedure, code_dir)
        if not options.is_protocol_stated:
            print_years(find_years(options.selection), options.protocol.name)
        if options.list:
            print_listing(entries, list_unnamed(options.selection))
            return ExitCode.OK
        chosen = choose_entries(entries, options.selection)
        return check(chosen, options) if options.check else evaluate(chosen, options)


def evaluate(chosen: list[Entry], options: Options) -> ExitCode:
    """Measure what is not measured yet, keep each outcome at once, and print the leaderboard."""
    options = settle_sandbox(options)
    print_trust(chosen, options.selection.trust)
    kept = choose_tables(options)
    # A look at more columns is of this run alone.
    tables = kept.replaced_by(ReportChoices(all_columns=options.output.all_columns))
    rules = options.protocol if options.is_protocol_stated else tables.rules
    store = Store(options.output.save_dir, rules, (make_publisher(tables),))
    store.open()  # Before anything is measured: results must have a place.
    keep_choices(kept, store.save_dir)
    outcomes: list[Outcome] = []
    engine, shard = choose_engine(options), options.engine.shard
    chosen = shard.pick(chosen) if shard else chosen
    with engine.open_workplace(options) as (hr_dir, job_dir):
        staged = stage_all(chosen, options.data, options.procedure, hr_dir)
        setting = RunSetting(options, staged, job_dir)
        plan = resume.plan_run(chosen, setting, store.rows())
        if not options.is_protocol_stated:
            print_other_rules(store.own_protocol(), options.protocol.name)
        print_kept(plan.kept)
        try:
            for outcome in engine.evaluate_all(plan, setting):
                print_replacement((store.keep if shard else store.save)(outcome))
                official_results.append_log(outcome, store.log)
                print_outcome(outcome, options.processes)
                outcomes.append(outcome)
        except KeyboardInterrupt as error:
            error.add_note(resume.describe_rest(plan, outcomes, options))
            raise
        finally:  # Interrupted or not, every table and the report tell what is recorded.
            finished = tables.build_board(store.shown_rows(), store.protocol())
            if shard is None and finished.lines:
                store.publish()
                write_all(finished, store.save_dir, chosen=tables)
        if shard is None:
            told = {outcome.label for outcome in outcomes if isinstance(outcome, Failure)}
            print_leaderboard(finished, store.save_dir, told)
            print_choices(describe_choices(kept, store.save_dir, finished))
        print_summary(plan.kept, outcomes, finished, store.save_dir)
        if options.output.files.uploads:
            print_uploads(plan.kept, outcomes, store.save_dir)
    failed = any(isinstance(outcome, Failure) for outcome in outcomes)
    return ExitCode.SOME_FAILED if failed else ExitCode.OK


def choose_tables(options: Options) -> ReportChoices:
    """Take what was chosen for the tables of the results folder, now or before."""
    typed = ReportChoices(mixed_machines=options.output.mixed_machines)
    stated = options.protocol.name if options.is_protocol_stated else None
    return read_choices(options.output.save_dir).for_run(stated, typed)


@command(debug=True, ended_by=(signal.SIGTERM, signal.SIGHUP))
def main(arguments: list[str]) -> int:
    """Run the command."""
    print_any_name()
    return run(parse(arguments, ROOT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
