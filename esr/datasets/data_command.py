"""Know, check, prepare and download data sets: `python -m esr data --help`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from esr.base.command import Parser, command
from esr.base.console import stdout
from esr.base.did_you_mean import suggest
from esr.base.errors import ExitCode, UserError
from esr.base.visible_text import name_some, one_line
from esr.challenge.data_set_registry import Layout, registry
from esr.challenge.protocol import protocols
from esr.datasets import set_report
from esr.datasets.checking.check_set import CheckedSet, check_set
from esr.datasets.image_folders import SCALES, SetFolder, find_sets
from esr.datasets.manifest import MANIFEST, find_manifests, read_manifest, write_manifest
from esr.datasets.noise import CROP_PX, make_noisy
from esr.datasets.obtain_set import obtain
from esr.datasets.prepare_lr import LRMaker, prepare
from esr.images import Image


def check(given: argparse.Namespace) -> ExitCode:
    """Check the sets in a folder, and write which files they consist of."""
    checked = []
    for folder in _choose_sets(find_sets(given.dir, given.scale), given.dataset, given.dir):
        # A manifest that is about to be replaced says nothing of the files.
        manifests = () if given.write_manifest else find_manifests(folder.folders, given.dir)
        expected = {file: h for path in manifests for file, h in read_manifest(path).items()}
        checked.append(check_set(folder, expected))
        _print(*set_report.describe_set(checked[-1], given.dir))
        _print(*(f"  compared with {path}" for path in manifests))
    if given.write_manifest:
        _print(f"written: {_write(given.dir, checked)}")
    _print(set_report.summarize(checked))
    return ExitCode.SOME_FAILED if any(each.defects for each in checked) else ExitCode.OK


def _choose_sets(
    found: Sequence[SetFolder], names: Sequence[str], data_dir: Path
) -> list[SetFolder]:
    if not names:
        return [*found]
    by_name = {folder.name: folder for folder in found}
    for name in names:
        if name not in by_name:
            what = f"no such data set in {data_dir}; it holds {name_some([*by_name])}"
            raise UserError(what, where=f"--dataset {name}", remedy=suggest(name, by_name))
    return [by_name[name] for name in dict.fromkeys(names)]


def _write(data_dir: Path, checked: Sequence[CheckedSet]) -> Path:
    old = read_manifest(path) if (path := data_dir / MANIFEST).is_file() else {}
    # Other scales were listed by other runs.
    folders = {folder for each in checked for folder in each.folder.folders}
    kept = {file: digest for file, digest in old.items() if file.parent not in folders}
    hashes = {file: digest for each in checked for file, digest in each.hashes.items()}
    return write_manifest(data_dir, {**kept, **hashes})


def make(given: argparse.Namespace) -> ExitCode:
    """Make the LR images of every set in a folder that has HR images."""
    scale, layouts, maker = _choose_maker(given)
    found = find_sets(given.dir, scale, layouts)
    folders = [folder for folder in found if folder.hr is not None]
    if not folders:
        raise UserError("no HR images to make LR from", where=given.dir)
    for folder in folders:
        lr = prepare(folder, maker)
        kept = f", {lr.kept} were there" if lr.kept else ""
        _print(f"{folder.name} x{folder.scale}: {lr.made} LR images made{kept}: {lr.folder}")
        if lr.cropped:
            _print(
                f"  {lr.cropped} HR images were cropped at the bottom and at the right to a"
                f" multiple of {maker.crop_px if maker else folder.scale} first, as an evaluation"
                " crops them; the files are as they were"
            )
    return ExitCode.OK


def _choose_maker(
    given: argparse.Namespace,
) -> tuple[int, tuple[Layout, ...] | None, LRMaker | None]:
    """Say of which scale LR is, where it lies and what makes it."""
    if given.protocol is None:
        return given.scale, None, None
    protocol = protocols()[given.protocol]
    noise = protocol.noise
    assert noise is not None, "the parser offers no other"

    def make_one(hr: Image, stem: str) -> Image:
        return make_noisy(hr, stem, noise.sigma, noise.seed)

    return protocol.scales[0], registry().choose(protocol.layouts), LRMaker(make_one, CROP_PX)


def download(given: argparse.Namespace) -> ExitCode:
    """Download a set that has public addresses."""
    (data_set,) = set_report.choose([given.name])
    if data_set.licence:
        _print(f"{data_set.name}: {data_set.licence}")
    archives = obtain(data_set, given.dir, given.scale)
    state = f"{len(archives)} archives downloaded and unpacked" if archives else "is there already"
    _print(f"{data_set.name}: {state}: {given.dir}")
    _print(f"check it: python -m esr data check {given.dir} --scale {given.scale}")
    return ExitCode.OK


def show(given: argparse.Namespace) -> ExitCode:
    """List the sets that are known, or describe some."""
    data_sets = set_report.choose(given.name)
    if not given.name:
        _print(*set_report.tabulate(data_sets))
    for data_set in data_sets if given.name else ():
        _print(*set_report.describe(data_set))
    return ExitCode.OK


def _print(*lines: str) -> None:
    console = stdout()
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        harmless = " " * indent + one_line(line)
        console.print(harmless, markup=False, emoji=False, soft_wrap=True)


def _parser() -> Parser:
    parser = Parser(
        "python -m esr data",
        allow_abbrev=False,
        description="Know, check, prepare and download data sets.",
        epilog="Exit status: 0 all is well; 1 check found defects; 2 the command or the data"
        " cannot be used.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    known = _command(commands, "list", show, "what is known of the field's data sets")
    known.add_argument("name", nargs="*", metavar="NAME")
    checks = _command(commands, "check", check, "every image of the sets in a folder")
    _add_folder(checks)
    text = "only these of them (default: every set in the folder)"
    checks.add_argument("--dataset", nargs="+", default=[], metavar="NAME", help=text)
    text = f"write {MANIFEST} into the folder: every evaluation compares its files with it"
    checks.add_argument("--write_manifest", action="store_true", help=text)
    makes = _command(commands, "prepare", make, "make LR from HR by MATLAB's bicubic, or noisy HR")
    _add_folder(makes)
    noisy = [name for name, protocol in protocols().items() if protocol.noise]
    text = "add the noise of this challenge to HR instead, with a seed of our own"
    makes.add_argument("--protocol", choices=noisy, metavar="NAME", help=text)
    loads = _command(commands, "download", download, "download a set that has public addresses")
    loads.add_argument("name", metavar="NAME")
    loads.add_argument(
        "--dir", type=Path, default=Path("data"), metavar="DIR", help="default: data"
    )
    _add_scale(loads)
    return parser


def _command(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    call: Callable[[argparse.Namespace], ExitCode],
    text: str,
) -> Parser:
    parser = commands.add_parser(name, help=text, description=call.__doc__)
    parser.set_defaults(call=call)
    return parser


def _add_folder(parser: Parser) -> None:
    text = "folder of the sets, or of HR/ and LR_bicubic/X4/"
    parser.add_argument("dir", type=Path, metavar="DIR", help=text)
    _add_scale(parser)


def _add_scale(parser: Parser) -> None:
    text = "factor between HR and LR (default: %(default)s)"
    parser.add_argument("--scale", type=int, choices=SCALES, default=4, metavar="N", help=text)


@command(interrupted="run it again to go on")
def main(arguments: list[str]) -> int:
    """Run one of the commands."""
    given = _parser().parse_args(arguments)
    return int(given.call(given))
