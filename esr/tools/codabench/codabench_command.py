"""`python -m esr codabench --protocol P --data_dir DIR --out FILE`: a competition for Codabench.

One archive that an organizer uploads: phases, leaderboard, scoring program, reference data,
starting kit and pages. Participants upload what `test_demo.py --make_zip` writes.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from esr.base.command import Parser, command
from esr.challenge.protocol import DEFAULT_PROTOCOL, protocols
from esr.images.metrics import METRICS
from esr.images.perceptual_names import NAMES as PERCEPTUAL
from esr.tools.codabench.bundle_format import LEADERBOARD
from esr.tools.codabench.make_competition import BundleRequest, make_competition
from esr.tools.codabench.phase_data import PHASES, find_phases
from esr.tools.codabench.phase_dates import choose_dates
from esr.tools.codabench.scoring_modules import python_image
from esr.tools.codabench.write_bundle import write_bundle

_RULES = LEADERBOARD["submission_rule"].choices
_FIDELITY = [name for name in METRICS if name not in PERCEPTUAL]


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        "python -m esr codabench",
        allow_abbrev=False,
        description="Write a competition as one archive to upload to Codabench.",
        epilog="Exit status: 0 written; 2 the command or the data cannot be used.",
    )
    _add_data(parser)
    _add_phases(parser)
    _add_texts(parser)
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    text = "rules, official sets and metrics (default: %(default)s)"
    add("--protocol", choices=protocols(), default=DEFAULT_PROTOCOL, help=text)
    text = "folder of the official sets, or of HR/ and LR/"
    add("--data_dir", type=Path, required=True, metavar="DIR", help=text)
    text = "the sets DIR/NAME instead of the official ones, one a phase"
    add("--dataset", nargs="+", default=[], metavar="NAME", help=text)
    text = "what the competition has (default: both)"
    add("--phases", nargs="+", choices=PHASES, default=list(PHASES), help=text)
    text = "factor between LR and HR (default: the protocol's)"
    add("--scale", type=int, choices=(1, 2, 3, 4, 8), help=text)
    text = f"further columns: {', '.join(_FIDELITY)}"
    add("--metrics", nargs="+", choices=_FIDELITY, default=[], metavar="NAME", help=text)
    add("--out", type=Path, required=True, metavar="FILE", help="the archive to write")


def _add_phases(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    text = "such as '2027-01-31 12:00', UTC (default: the first phase from tomorrow on)"
    for flag in ("--valid_dates", "--test_dates"):
        add(flag, nargs=2, metavar=("START", "END"), help=text)
    for flag, default in (("--valid_uploads", (10, 100)), ("--test_uploads", (3, 3))):
        text = "uploads of one participant (default: {} a day, {} in all)".format(*default)
        add(flag, nargs=2, type=int, default=default, metavar=("PER_DAY", "ALL"), help=text)
    text = "which upload of a participant counts (default: %(default)s)"
    add("--submission_rule", choices=_RULES, default="Force_Best", help=text)
    text = "seconds for scoring one upload (default: %(default)s)"
    add("--time_limit", type=int, default=600, metavar="S", help=text)


def _add_texts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--title", help="of the competition (default: from the protocol)")
    add("--description", help="one line below the title")
    add("--contact_email", metavar="ADDRESS", help="whom participants ask")
    add("--logo", type=Path, metavar="FILE", help="an image (default: one is drawn)")
    add("--terms", type=Path, metavar="FILE", help="Markdown or HTML (default: general ones)")
    text = "image of the scoring program (default: %(default)s)"
    add("--docker_image", default=python_image(), metavar="NAME", help=text)
    add("--queue", metavar="UUID", help="of your own workers (default: the server's)")


@command()
def main(arguments: list[str]) -> None:
    """Gather, check and write."""
    given = make_parser().parse_args(arguments)
    protocol = protocols()[given.protocol]
    phases = find_phases(
        protocol, given.data_dir, given.dataset, given.phases, given.scale or protocol.scales[0]
    )
    asked = [getattr(given, f"{phase.role}_dates") for phase in phases]
    request = BundleRequest(
        title=given.title or f"Image restoration by the rules of {given.protocol}",
        dates=tuple(choose_dates(asked, datetime.now(UTC))),
        uploads=tuple(tuple(getattr(given, f"{phase.role}_uploads")) for phase in phases),
        submission_rule=given.submission_rule,
        time_limit_s=given.time_limit,
        docker_image=given.docker_image,
        metrics=tuple(given.metrics),
        description=given.description,
        contact_email=given.contact_email,
        logo=given.logo,
        terms=given.terms,
        queue=given.queue,
    )
    competition, files = make_competition(request, protocol, phases)
    written = write_bundle(given.out, competition, files)
    sets = ", ".join(f"{phase.role}: {phase.dataset}" for phase in phases)
    size = f"{written.files} files, {written.bytes / 1e6:.1f} MB"
    sys.stdout.write(f"{given.out}: {size} ({sets})\n")
