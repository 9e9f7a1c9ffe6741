"""`python -m esr score_zip ARCHIVE --data_dir DIR`: score an upload as the server does.

PSNR and SSIM of the SR images in an archive, as `test_demo.py --make_zip` or anybody else made it.
Nothing of it is run or written to disk, and PyTorch is not needed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from esr.base import json_file
from esr.base.command import Parser, ended
from esr.base.errors import UserError
from esr.challenge.protocol import DEFAULT_PROTOCOL, protocols
from esr.datasets.splits import OFFICIAL_ROLES, DataRequest, Split, find_splits
from esr.images.metrics import METRICS
from esr.tools.upload_scoring.score_table import print_scores
from esr.tools.upload_scoring.score_upload import score_archive

_OFFICIAL = ("psnr", "ssim")
"""What the server of the challenge shows."""


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    command = Parser(
        "python -m esr score_zip",
        allow_abbrev=False,
        description="Score an archive of SR images as the server of the challenge does.",
        epilog="Exit status: 0 scored; 1 the archive cannot be scored; "
        "2 the command or the data cannot be used.",
    )
    add = command.add_argument
    add("archive", type=Path, metavar="ARCHIVE", help="zip of SR images and readme.txt")
    text = "folder of the official sets, or of HR/ and LR/"
    add("--data_dir", type=Path, required=True, metavar="DIR", help=text)
    add("--dataset", metavar="NAME", help="the set DIR/NAME, as for test_demo.py")
    text = "the official set that the archive is about (default: %(default)s)"
    add("--role", choices=OFFICIAL_ROLES, default="valid", help=text)
    text = "the year whose sets are official (default: %(default)s)"
    add("--protocol", choices=protocols(), default=DEFAULT_PROTOCOL, help=text)
    text = "factor between LR and HR (default: the protocol's)"
    add("--scale", type=int, choices=(2, 3, 4, 8), help=text)
    text = f"calculate these metrics besides PSNR and SSIM: {', '.join(METRICS)}"
    add("--metrics", nargs="+", choices=METRICS, default=[], metavar="NAME", help=text)
    add("--per_image", action="store_true", help="print the scores of every image")
    add("--json", type=Path, metavar="FILE", help="write every score there, unrounded")
    return command


def run(arguments: list[str]) -> None:
    """Score, write and print."""
    given = make_parser().parse_args(arguments)
    metrics = tuple(dict.fromkeys((*_OFFICIAL, *given.metrics)))
    split = _split(given)
    score = score_archive(
        given.archive, split, metrics, border=protocols()[given.protocol].border(split.scale)
    )
    if given.json is not None:
        json_file.dump(score, given.json)
    print_scores(score, given.per_image)


def _split(given: argparse.Namespace) -> Split:
    if given.dataset is not None and given.role != "valid":
        raise UserError("goes without --role", where="--dataset", remedy="give one of them")
    request = DataRequest(
        given.data_dir,
        () if given.dataset is None else (given.dataset,),
        include_test=given.role == "test",
        hybrid_test=given.role == "hybrid_test",
    )
    protocol = protocols()[given.protocol]
    splits = find_splits(request, protocol, given.scale or protocol.scales[0])
    return next(split for split in splits if split.role == given.role)


def main(arguments: list[str]) -> int:
    """Run the command."""
    return ended(lambda: run(arguments))
