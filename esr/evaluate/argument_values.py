"""What the values of the flags of `test_demo.py` must look like."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from esr.base.errors import UserError
from esr.measure.deploy.transformations import find_contradiction, in_order

_T = TypeVar("_T")

_ADDRESS = re.compile(r"[a-z][a-z0-9+]+://|git@", re.IGNORECASE)
_HOST = re.compile(r"(www\.)?(github|gitlab|gitee|huggingface)\.(com|co)/", re.IGNORECASE)


def read_path(text: str) -> Path:
    """Take a file or folder, which need not be there.

    Raises:
        UserError: it is an address.
        ArgumentTypeError: it cannot be printed.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:  # What records name must be printable.
        raise argparse.ArgumentTypeError("the path is no UTF-8; rename it") from error
    if _ADDRESS.match(text):
        raise UserError("an address, not a file or folder here", where=text, remedy="download it")
    return Path(text)


def read_folder_of_wheels(text: str) -> Path:
    """Take the folder of `--wheels`.

    Raises:
        UserError: there is none.
    """
    path = read_path(text)
    if not path.is_dir():
        what = "is no folder" if path.exists() else "no such folder"
        raise UserError(what, where=f"--wheels {text}", remedy="name a folder of wheels")
    return path


def read_clone(text: str) -> Path:
    """Take a clone or archive, which need not be there.

    Raises:
        UserError: it is an address.
    """
    if _ADDRESS.match(text) or (_HOST.match(text) and not Path(text).exists()):
        address = text if _ADDRESS.match(text) else f"https://{text}"
        remedy = f"clone it first: git clone {address}, then --submission FOLDER"
        raise UserError("is an address", where=f"--submission {text}", remedy=remedy)
    return read_path(text)


class KeepTuple(argparse.Action):
    """Keep what a flag is given as a tuple."""

    def __call__(
        self,
        parser: object,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Keep it."""
        setattr(namespace, self.dest, tuple(values))  # type: ignore[arg-type]


def _reader(form: str, complaint: str, kind: Callable[[str], _T]) -> Callable[[str], _T]:
    def read(text: str) -> _T:
        if not re.fullmatch(form, text):
            raise argparse.ArgumentTypeError(f"'{text}' {complaint}")
        return kind(text)

    return read


read_id = _reader(r"-?\d+", "is not the number of a submission", int)
read_count = _reader("[0-9]{1,5}", "is no number from 0 to 99999", int)
read_seed = _reader(r"\d{1,9}", "is no number from 0 to 999999999", int)
read_cores = _reader("[1-9][0-9]{0,3}", "is no number of cores", int)
read_processes = _reader(r"[1-9][0-9]?", "is no number of processes from 1 to 99", int)
read_device = _reader(r"[a-z]+(:\d+)?", "is no device such as auto, cpu, cuda or cuda:1", str)
"""Which devices there are is for `esr.measure.device` to say."""


def read_way(text: str) -> tuple[str, ...]:
    """Take words of `--deploy`, in the order in which they are applied."""
    words = tuple(text.split("+"))
    if problem := find_contradiction(words):
        raise argparse.ArgumentTypeError(problem)
    return in_order(words)


def read_percent(text: str) -> float:
    """Take a percentage from 0 to below 100."""
    if not re.fullmatch(r"\d{1,2}(\.\d{1,9})?", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no percentage below 100")
    return float(text)


def read_shard(text: str) -> tuple[int, int]:
    """Take K/N."""
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of:
        raise argparse.ArgumentTypeError(f"'{text}' is no K/N with K from 1 to N, such as 2/8")
    return number, of


def read_repeats(text: str) -> int:
    """Take a number of repeats; one alone has no spread."""
    if not re.fullmatch(r"\d{1,4}", text) or int(text) == 1:
        raise argparse.ArgumentTypeError(f"'{text}' is neither 0 nor a number from 2 to 9999")
    return int(text)


def read_positive(unit: str) -> Callable[[str], float]:
    """Make what takes a positive number of a unit."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise argparse.ArgumentTypeError(f"'{text}' is no positive number of {unit}")
        return number

    return read
