"""`python -m esr score_zip ARCHIVE --data_dir DIR`: score an upload as the server does.

PSNR and SSIM of the SR images in an archive, as `test_demo.py --make_zip` or anybody else made it.
Nothing of it is run or written to disk, and PyTorch is not needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from esr.base import json_file
from esr.base.command import Parser, command
from esr.base.console import stdout
from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.challenge.protocol import DEFAULT_PROTOCOL, protocols
from esr.datasets.splits import OFFICIAL_ROLES, DataRequest, Split, find_splits
from esr.evaluate.upload.upload_format import Readme
from esr.images.metrics import METRICS
from esr.tools.upload_scoring.score_upload import ArchiveScore, score_archive

_OFFICIAL = ("psnr", "ssim")
"""What the server of the challenge shows."""


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        "python -m esr score_zip",
        allow_abbrev=False,
        description="Score an archive of SR images as the server of the challenge does.",
        epilog="Exit status: 0 scored; 1 the archive cannot be scored; "
        "2 the command or the data cannot be used.",
    )
    add = parser.add_argument
    add("archive", type=Path, metavar="ARCHIVE", help="zip of SR images and readme.txt")
    text = "folder of the official sets, or of HR/ and LR/"
    add("--data_dir", type=Path, required=True, metavar="DIR", help=text)
    add("--dataset", metavar="NAME", help="the set DIR/NAME, as for test_demo.py")
    text = "the official set that the archive is about (default: %(default)s)"
    add("--role", choices=OFFICIAL_ROLES, default="valid", help=text)
    text = "the year whose sets are official (default: %(default)s)"
    add("--protocol", choices=protocols(), default=DEFAULT_PROTOCOL, help=text)
    text = "factor between LR and HR (default: the protocol's)"
    add("--scale", type=int, choices=(1, 2, 3, 4, 8), help=text)
    text = f"calculate these metrics besides PSNR and SSIM: {', '.join(METRICS)}"
    add("--metrics", nargs="+", choices=METRICS, default=[], metavar="NAME", help=text)
    add("--per_image", action="store_true", help="print the scores of every image")
    add("--json", type=Path, metavar="FILE", help="write every score there, unrounded")
    return parser


@command()
def main(arguments: list[str]) -> None:
    """Score, write and print."""
    given = make_parser().parse_args(arguments)
    metrics = tuple(dict.fromkeys((*_OFFICIAL, *given.metrics)))
    split = _split(given)
    protocol = protocols()[given.protocol]
    score = score_archive(
        given.archive, split, metrics, protocol.border(split.scale), protocol.crop_px
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


def print_scores(score: ArchiveScore, per_image: bool) -> None:
    """Print the means, each image's scores before them if asked, and what readme.txt says."""
    console = stdout()
    console.print(_table(score, per_image))
    for line in _remarks(score.readme):
        console.print(Text(one_line(line)), soft_wrap=True)


def _table(score: ArchiveScore, per_image: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Image", overflow="fold")
    for name in score.means:
        unit = METRICS[name].unit
        title = f"{name.upper()} [{unit}]" if unit else name.upper()
        table.add_column(Text(title), justify="right", no_wrap=True)
    for image in score.images if per_image else ():
        table.add_row(Text(one_line(image.name)), *_cells(image.scores))
    if per_image:
        table.add_section()
    mean = f"mean of {len(score.images)}, {one_line(score.dataset)} ({one_line(score.role)})"
    table.add_row(Text(mean), *_cells(score.means))
    return table


def _cells(scores: dict[str, float]) -> list[str]:
    return [f"{value:.{METRICS[name].decimals}f}" for name, value in scores.items()]


def _remarks(readme: Readme | None) -> Iterator[str]:
    if readme is None:
        yield "readme.txt is missing: the server of the challenge asks for one"
        return
    runtime, unknown = readme.runtime_s, "not stated"
    yield "readme.txt, not verified:"
    yield f"  runtime per image: {unknown if runtime is None else f'{runtime:.4g} s'}"
    yield f"  device: {_either(readme.on_cpu, 'CPU', 'GPU')}"
    yield f"  extra data: {_either(readme.extra_data, 'yes', 'no')}"
    yield f"  description: {readme.description or unknown}"


def _either(value: bool | None, if_true: str, if_false: str) -> str:
    return "not stated" if value is None else if_true if value else if_false
