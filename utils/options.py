"""The command line, checked."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from utils.dataset import DataRequest
from utils.errors import UserError
from utils.metrics import METRICS
from utils.protocol import DEFAULT_PROTOCOL, Protocol, protocols

_DEVICE = re.compile(r"[a-z]+(:\d+)?")
"""Which devices there are is for `utils.measure.device` to say."""


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    model_id: tuple[str, ...]
    """Ids, or `all`."""
    data: DataRequest
    save_dir: Path
    metrics: tuple[str, ...]
    """Names in `utils.metrics.METRICS`."""
    protocol_name: str
    device: str
    checkpoint: Path | None
    checkpoint_dir: Path | None
    """Folder of public checkpoints under their own names."""
    form: str | None
    repeats: int | None
    """Rounds of the robust pass; None for the device's own number."""
    seed: int
    interleave: int | None
    """Id of the baseline that is measured between the others."""
    timeout_s: float
    save_images: bool
    layers: bool
    list: bool
    debug: bool
    submission: Path | None
    """Clone of an official repository, or of this one; None for the submissions that are here."""
    trust: frozenset[int]
    """Ids whose checkpoints may run code."""
    command: tuple[str, ...]
    """The arguments as they were given."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """Ids to measure, the baseline's first, or `all`."""
        return self.model_id if self.interleave is None else (str(self.interleave), *self.model_id)

    @property
    def protocol(self) -> Protocol:
        """The year's constants."""
        return protocols()[self.protocol_name]


class Parser(argparse.ArgumentParser):
    """A command line whose mistakes cost one line, as every other mistake of the user does."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise UserError(message, where="command line", remedy="see --help")


def parse(arguments: list[str], root: Path) -> Options:
    """Read the command line.

    Args:
        arguments: without the program's name.
        root: the harness, below which the demo set lies and results go by default.

    Raises:
        UserError: an argument that is unknown or of the wrong kind.
    """
    given = _parser(root).parse_args(arguments)
    ids = {given.interleave, *(text if text == "all" else int(text) for text in given.model_id)}
    if given.checkpoint and (len(ids - {None}) > 1 or "all" in ids):
        raise UserError(
            "fits one submission", where="--checkpoint", remedy="give a single --model_id"
        )
    data = DataRequest(given.data_dir, given.dataset, given.include_test, given.hybrid_test)
    return Options(
        model_id=given.model_id,
        data=data,
        save_dir=given.save_dir.absolute(),
        metrics=tuple(dict.fromkeys(("psnr", *(["ssim"] if given.ssim else []), *given.metrics))),
        protocol_name=given.protocol,
        device=given.device,
        checkpoint=given.checkpoint,
        checkpoint_dir=given.checkpoint_dir,
        form=given.form,
        repeats=given.repeats,
        seed=given.seed,
        interleave=given.interleave,
        timeout_s=given.timeout,
        save_images=given.save_images,
        layers=given.layers,
        list=given.list,
        debug=given.debug,
        submission=given.submission,
        trust=frozenset(given.trust),
        command=tuple(argument.encode("utf-8", "replace").decode() for argument in arguments),
    )


def _parser(root: Path) -> Parser:
    parser = Parser(
        "test_demo.py",
        allow_abbrev=False,
        description="Measure Efficient SR submissions: PSNR, runtime, parameters, FLOPs, "
        "activations, memory.",
        epilog="Exit status: 0 all measured; 1 a submission failed, the others are recorded; "
        "2 the command, the data or a folder cannot be used.",
    )
    _add_submissions(parser.add_argument_group("what is measured"))
    _add_strangers(parser.add_argument_group("submissions of others"))
    _add_data(parser.add_argument_group("on which data"), root)
    _add_measurement(parser.add_argument_group("how"), root)
    return parser


def _add_submissions(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    text = "ids of submissions in models/, or 'all' (default: 0)"
    many: dict[str, Any] = {"nargs": "+", "action": _Tuple}
    add("--model_id", type=_model_id, default=("0",), metavar="ID", help=text, **many)
    add("--checkpoint", type=Path, metavar="PATH", help="use it for the one --model_id")
    text = "folder of the authors' checkpoints, as model_zoo/public.toml names them"
    add("--checkpoint_dir", type=Path, metavar="DIR", help=text)
    add("--form", metavar="NAME", help="use this form of a submission that has several")
    add("--list", action="store_true", help="list the submissions and stop")


def _add_strangers(group: argparse._ArgumentGroup) -> None:
    text = "clone of an official repository, or of this one, whose submissions are measured instead"
    group.add_argument("--submission", type=Path, metavar="PATH", help=text)
    text = "ids whose checkpoints may run code: pickled networks, TorchScript"
    many: dict[str, Any] = {"nargs": "+", "action": _Tuple, "default": (), "metavar": "ID"}
    group.add_argument("--trust", type=_number, help=text, **many)


def _add_data(group: argparse._ArgumentGroup, root: Path) -> None:
    add = group.add_argument
    text = "folder of the official sets, or of HR/ and LR/ (default: the demo set)"
    add("--data_dir", type=Path, default=root / "data" / "demo", metavar="DIR", help=text)
    text = "sets laid out as DIR/NAME/HR/*.png and DIR/NAME/LR_bicubic/X4/*x4.png"
    many: dict[str, Any] = {"nargs": "+", "action": _Tuple, "default": (), "metavar": "NAME"}
    add("--dataset", help=text, **many)
    add("--include_test", action="store_true", help="measure on the test set too")
    add("--hybrid_test", action="store_true", help="measure on the hybrid test set of 2023 instead")
    add("--ssim", action="store_true", help="calculate SSIM too")
    text = f"calculate these metrics too: {', '.join(METRICS)}"
    add("--metrics", choices=METRICS, help=text, **many)


def _add_measurement(group: argparse._ArgumentGroup, root: Path) -> None:
    add = group.add_argument
    text = "the year whose sets and FLOPs counter are official (default: %(default)s)"
    add("--protocol", choices=protocols(), default=DEFAULT_PROTOCOL, help=text)
    add("--device", type=_device, default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    text = "time every image N more times on the warm network (default: 5 on a GPU, else 0)"
    add("--repeats", type=_repeats, metavar="N", help=text)
    text = "shuffles the images in the repeats (default: %(default)s)"
    add("--seed", type=_seed, default=0, metavar="N", help=text)
    text = "measure this submission too: first, and again after each of the others, to see drift"
    add("--interleave", type=_number, metavar="ID", help=text)
    text = "limit for one submission in seconds (default: %(default)g)"
    add("--timeout", type=_seconds, default=3600.0, metavar="S", help=text)
    add("--save_dir", type=Path, default=root / "results", metavar="DIR", help="default: results/")
    add("--layers", action="store_true", help="list what every layer costs")
    add("--save_images", action="store_true", help="keep SR images in SAVE_DIR/MODEL/{valid,test}/")
    add("--debug", action="store_true", help="show tracebacks of errors")


class _Tuple(argparse.Action):
    def __call__(
        self,
        parser: object,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, tuple(values))  # type: ignore[arg-type]


def _model_id(text: str) -> str:
    if text != "all" and not re.fullmatch(r"-?\d+", text):
        raise argparse.ArgumentTypeError(f"'{text}' is neither a number nor 'all'")
    return text


def _number(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not the number of a submission")
    return int(text)


def _repeats(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text) or int(text) == 1:
        raise argparse.ArgumentTypeError(f"'{text}' is neither 0 nor a number from 2 to 9999")
    return int(text)


def _seed(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to 999999999")
    return int(text)


def _device(text: str) -> str:
    if not _DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no device such as auto, cpu, cuda or cuda:1")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is no positive number of seconds")
    return seconds
