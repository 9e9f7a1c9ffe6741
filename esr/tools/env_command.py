"""`python -m esr env prepare PATH --model_id ID`: the packages that submissions lack, fetched."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from esr.base.command import Parser, command
from esr.base.errors import ExitCode
from esr.base.house import ROOT
from esr.base.scratch import scratch_folder, scratch_roots
from esr.base.visible_text import name
from esr.evaluate.arguments import make_parser
from esr.evaluate.build_environment import Installer
from esr.evaluate.entries import choose_entries, list_entries
from esr.evaluate.options import Options, parse
from esr.evaluate.submission_environment import installer_log, make_environment
from esr.measure.job import SubmissionFailed
from esr.report.terminal import print_line
from esr.submissions.environments.stated_requirements import parsed
from esr.submissions.submission import Broken, Entry

_USAGE = """\
python -m esr env prepare [PATH] --model_id ID [--with PACKAGE==VERSION]
                                [--wheels DIR] [...]"""

_SHARED = frozenset(
    [
        *("--model_id", "--form", "--wheels", "--install_timeout", "--timeout"),
        *("--memory_limit", "--disk_limit", "--save_dir", "--debug"),
    ]
)
"""Flags of `test_demo.py` that are read here, and say here what they say there."""


def _parser() -> Parser:
    shared = make_parser(ROOT).describe_flags(
        "flags that mean what they do to test_demo.py", _SHARED
    )
    parser = Parser(
        "python -m esr env",
        description="Fetch the packages that submissions lack.",
        usage=_USAGE,
        epilog=shared,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["prepare"])
    parser.add_argument("path", nargs="?", metavar="PATH", help="a clone; without it what is here")
    text = "a requirement; several may be given"
    parser.add_argument(
        "--with", dest="asked", action="append", default=[], metavar="PACKAGE==VERSION", help=text
    )
    return parser


@command(debug=True)
def main(arguments: list[str]) -> int:
    """Run the command."""
    known, rest = _parser().parse_known_args(arguments)
    for each in known.asked:
        parsed(each)
    options = parse([*(["--submission", known.path] if known.path else []), *rest], ROOT)
    with scratch_folder() as folder:
        entries = list_entries(options.selection, options.data, options.procedure, folder)
        return _prepare(choose_entries(entries, options.selection), options, known.asked)


def _prepare(entries: Sequence[Entry], options: Options, asked: Sequence[str]) -> ExitCode:
    save_dir = options.output.save_dir
    hidden = (options.data.data_dir, save_dir, *scratch_roots())
    installer = Installer.of(options.confinement, hidden)
    status = ExitCode.OK
    for entry in entries:
        label = name(entry.label)
        try:
            if isinstance(entry, Broken):
                raise SubmissionFailed("discover", entry.reason)
            lock = make_environment(entry, save_dir, installer, asked)
        except SubmissionFailed as failed:
            log = installer_log(save_dir, entry.label)
            told = f" [log: {log}]" if failed.stage == "environment" and log.exists() else ""
            sys.stderr.write(f"{label}: failed ({failed.stage}): {failed.reason}{told}\n")
            status = ExitCode.SOME_FAILED
            continue
        packages = [line.partition(" ")[0] for line in lock.packages] if lock else []
        print_line(f"{label}: {', '.join(packages) or 'has all it needs'}")
    return status
