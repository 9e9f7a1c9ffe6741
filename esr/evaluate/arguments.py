"""The flags of `test_demo.py`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from esr.base.command import Parser, PrintVersion
from esr.base.threads import cores
from esr.challenge.protocol import DEFAULT_PROTOCOL, protocols
from esr.evaluate.argument_values import (
    KeepTuple,
    read_clone,
    read_cores,
    read_count,
    read_device,
    read_folder_of_wheels,
    read_id,
    read_path,
    read_percent,
    read_positive,
    read_processes,
    read_repeats,
    read_seed,
    read_shard,
    read_way,
)
from esr.images.metrics import METRICS
from esr.measure.deploy.transformations import TRANSFORMATIONS
from esr.sandbox.policy import DISK_GIB, MEMORY_SHARE

_EPILOG = """\
exit status: 0 all measured; 1 a submission failed, the others are recorded;
2 the command, the data or a folder cannot be used. Other commands: python -m esr

examples:
  python test_demo.py                                    the baseline of 2023 on the demo set
  python test_demo.py --check --model_id 42              try a submission by every rule
  python test_demo.py --model_id 2026 42 --data_dir DIR  measure it, after the baseline of 2026
  python test_demo.py --model_id all --data_dir DIR --dataset Set5 Set14 --metrics psnr_y ssim_y
  python test_demo.py --submission CLONE --model_id 4 7  submissions of an official repository
  python -m esr leaderboard results --protocol ntire2025
"""

ENGINES = {"serial": "esr.evaluate.serial_engine", "ray": "esr.evaluate.ray_engine"}
"""Module of each, imported when it is chosen (`esr.evaluate.choose_engine`): Ray need not be
installed. One entry adds one."""


def make_parser(root: Path) -> Parser:
    """Describe the command line of `test_demo.py`.

    Args:
        root: the harness, below which the demo set lies and results go by default.
    """
    parser = Parser(
        "test_demo.py",
        allow_abbrev=False,
        description="Measure Efficient SR submissions: PSNR, runtime, parameters, FLOPs,\n"
        "activations, memory.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_submissions(parser.add_argument_group("what is measured"))
    _add_strangers(parser.add_argument_group("submissions of others"))
    _add_data(parser.add_argument_group("on which data"), root)
    _add_measurement(parser.add_argument_group("how"), root)
    _add_upload(parser.add_argument_group("for the server of the challenge"))
    _add_repetition(parser.add_argument_group("again"))
    _add_engine(parser.add_argument_group("on many GPUs or machines"))
    _add_isolation(parser.add_argument_group("what a submission may do"))
    _add_fixed_input(parser.add_argument_group("real-time challenges (--protocol rtsr2023)"))
    return parser


def _add_submissions(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    text = "ids or names in models/, such as 0, RFDN or 'team1*', or 'all' (default: 0)"
    many: dict[str, Any] = {"nargs": "+", "action": KeepTuple}
    add("--model_id", type=str, default=("0",), metavar="ID", help=text, **many)
    add("--checkpoint", type=read_path, metavar="PATH", help="use it for the one --model_id")
    text = "folder of the authors' checkpoints, as model_zoo/public.toml names them"
    add("--checkpoint_dir", type=read_path, metavar="DIR", help=text)
    add("--form", metavar="NAME", help="use this form of a submission that has several")
    text = "name of its row, beside that of the model: for another checkpoint or form, say"
    add("--label", metavar="NAME", help=text)
    add("--list", action="store_true", help="list the submissions and stop")
    text = "try the submissions by every rule, say what to correct, and stop; nothing is written"
    add("--check", action="store_true", help=text)


def _add_strangers(group: argparse._ArgumentGroup) -> None:
    text = (
        "what is measured instead: clones of official repositories or of this one, folders of"
        " them, or submission_ID.zip of the real-time challenge"
    )
    many: dict[str, Any] = {"nargs": "+", "action": KeepTuple, "default": ()}
    group.add_argument("--submission", type=read_clone, metavar="PATH", help=text, **many)
    text = "ids whose checkpoints may run code: pickled networks, TorchScript"
    group.add_argument("--trust", type=read_id, metavar="ID", help=text, **many)


def _add_data(group: argparse._ArgumentGroup, root: Path) -> None:
    add = group.add_argument
    text = "folder of the official sets, or of HR/ and LR/ (default: the demo set)"
    add("--data_dir", type=read_path, default=root / "data" / "demo", metavar="DIR", help=text)
    text = "sets laid out as DIR/NAME/HR/*.png and DIR/NAME/LR_bicubic/X4/*x4.png"
    many: dict[str, Any] = {"nargs": "+", "action": KeepTuple, "default": (), "metavar": "NAME"}
    add("--dataset", help=text, **many)
    add("--include_test", action="store_true", help="measure on the test set too")
    add("--hybrid_test", action="store_true", help="measure on the hybrid test set of 2023 instead")
    add("--ssim", action="store_true", help="calculate SSIM of RGB too")
    text = f"calculate these metrics too (papers print psnr_y ssim_y): {', '.join(METRICS)}"
    add("--metrics", choices=METRICS, help=text, **many)


def _add_measurement(group: argparse._ArgumentGroup, root: Path) -> None:
    add = group.add_argument
    text = "the year whose sets and FLOPs counter are official (default: %(default)s)"
    add("--protocol", choices=protocols(), default=DEFAULT_PROTOCOL, help=text)
    text = "auto, cpu, cuda or cuda:N (default: auto)"
    add("--device", type=read_device, default="auto", help=text)
    text = "time every image N more times on the warm network (default: 5 on a GPU, else 0)"
    add("--repeats", type=read_repeats, metavar="N", help=text)
    text = (
        "add rounds of queued images until the 95 %% interval of the steady runtime is this narrow,"
        " 0 for none (default: 0.25 on a GPU, 0 on a CPU)"
    )
    add("--precision", type=read_percent, metavar="PERCENT", help=text)
    text = (
        "for all that is measured and checked beyond the official pass, or as long as that took,"
        " whichever is more (default: %(default)g)"
    )
    add("--time_budget", type=read_positive("seconds"), default=60.0, metavar="S", help=text)
    text = "shuffles the images in the repeats (default: %(default)s)"
    add("--seed", type=read_seed, default=0, metavar="N", help=text)
    text = (
        "measure every submission in N processes of its own, A B C A B C, to see what differs from"
        " process to process (default: %(default)s)"
    )
    add("--processes", type=read_processes, default=1, metavar="N", help=text)
    text = "measure this submission too: first, and again after each of the others, to see drift"
    add("--interleave", type=read_id, metavar="ID", help=text)
    text = "default: results/"
    add("--save_dir", type=read_path, default=root / "results", metavar="DIR", help=text)
    text = "leave no column out of leaderboard.csv, not even those that no row fills"
    add("--all_columns", action="store_true", help=text)
    text = "rank together what was measured on machines of different classes"
    add("--mixed_machines", action="store_true", help=text)
    text = (
        "time the network, transformed, in these ways too, words joined by +:"
        f" {', '.join(TRANSFORMATIONS)}; e.g. fp16 fp16+channels_last+compile"
    )
    ways: dict[str, Any] = {"nargs": "+", "action": "extend", "default": [], "metavar": "WAY"}
    add("--deploy", type=read_way, help=text, **ways)
    add("--layers", action="store_true", help="list what every layer costs")
    add("--save_images", action="store_true", help="keep SR images in SAVE_DIR/MODEL/{valid,test}/")
    add("--debug", action="store_true", help="show tracebacks of errors")
    add("--version", action=PrintVersion, help="say what runs here, and stop")


def _add_upload(group: argparse._ArgumentGroup) -> None:
    text = "write the archive to upload, SAVE_DIR/MODEL/{valid,test}.zip: SR images and readme.txt"
    group.add_argument("--make_zip", action="store_true", help=text)


def _add_repetition(group: argparse._ArgumentGroup) -> None:
    either = group.add_mutually_exclusive_group()
    text = "keep what an equal run has measured already (default with --model_id all)"
    either.add_argument("--resume", action="store_true", help=text)
    either.add_argument("--force", action="store_true", help="measure it again")


def _add_engine(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    text = "one submission after the other here, or many on a Ray cluster (default: %(default)s)"
    add("--engine", choices=ENGINES, default="serial", help=text)
    text = "of the cluster (default: RAY_ADDRESS, else one is started on this machine)"
    add("--engine_address", metavar="HOST:PORT", help=text)
    text = "cores that a job on a cluster has to itself (default: %(default)s)"
    add("--cpus_per_job", type=read_cores, default=min(4, cores()), metavar="N", help=text)
    text = (
        "measure every N-th submission, beginning with the K-th, into a results folder that others"
        " share; python -m esr leaderboard makes the tables at the end"
    )
    add("--shard", type=read_shard, metavar="K/N", help=text)


def _add_isolation(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    text = "limit for one submission in seconds (default: %(default)g)"
    add("--timeout", type=read_positive("seconds"), default=3600.0, metavar="S", help=text)
    text = f"limit of its memory (default: {100 * MEMORY_SHARE:.0f} %% of the machine's)"
    add("--memory_limit", type=read_positive("GiB"), metavar="GIB", help=text)
    text = "limit of the files it keeps while it runs (default: %(default)g)"
    add("--disk_limit", type=read_positive("GiB"), default=DISK_GIB, metavar="GIB", help=text)
    text = "fetch the packages that a submission lacks into an environment of its own"
    add("--install", action="store_true", help=text)
    text = "fetch them from this folder of wheels alone, without a network"
    add("--wheels", type=read_folder_of_wheels, metavar="DIR", help=text)
    text = "limit for that, of one submission (default: 1800, or --timeout if that is less)"
    add("--install_timeout", type=read_positive("seconds"), metavar="S", help=text)
    either = group.add_mutually_exclusive_group()
    text = (
        "run it in bubblewrap: no network, and no files but what it needs (default with"
        " --model_id all or wildcards, and with --submission, where bubblewrap works)"
    )
    either.add_argument("--sandbox", action="store_true", default=None, help=text)
    text = "hold it back by Landlock and seccomp alone"
    either.add_argument("--no_sandbox", action="store_false", dest="sandbox", help=text)


def _add_fixed_input(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    two: dict[str, Any] = {"nargs": 2, "type": read_count}
    text = "sides of the fixed input (default: 1920 1080 for x2, 1280 720 for x3, as officially)"
    add("--runtime_size", metavar=("HEIGHT", "WIDTH"), help=text, **two)
    text = "how often it is run (default: 50 244 as officially, far less on a CPU)"
    add("--runtime_calls", metavar=("WARM_UP", "TIMED"), help=text, **two)
    add("--scale", type=int, help="of submission_ID.zip, if DIR has LR of several")
    text = "white in the input and output of submission_ID.zip (default: 1)"
    add("--rgb_range", type=int, choices=(1, 255), default=1, help=text)
