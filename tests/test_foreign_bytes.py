"""Files that a stranger may have made, or may put another in the place of: what is judged is read."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.foreign_bytes import read_foreign
from esr.base.log_file import file_handler
from esr.evaluate.dialogue import sr_files
from esr.evaluate.score_images import read_sr
from esr.measure.job import SubmissionFailed
from esr.records.record import read_record
from esr.sandbox.printed_output import PrintedOutput, kept_in

SHAPE = (8, 8, 3)
READERS: list[Callable[[Path], object]] = [
    json_file.read_bytes,
    sr_files.note,
    lambda path: read_sr(path, SHAPE),
]


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


ODD: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": _bind,
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("read", READERS)
def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path, kind: str, read) -> None:
    path = tmp_path / "it"
    ODD[kind](path)
    with pytest.raises((UserError, SubmissionFailed), match="no ordinary file"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_replaced_when_it_was_looked_at_is_not_read(
    tmp_path: Path, monkeypatch, read
) -> None:
    path, other = tmp_path / "it.npy", tmp_path / "other.npy"
    np.save(path, np.full(SHAPE, 1, np.uint8))
    np.save(other, np.full(SHAPE, 2, np.uint8))
    expected = read(path)
    looked_at = Path.lstat

    def lstat(self: Path) -> os.stat_result:
        status = looked_at(self)
        self.unlink()
        self.symlink_to(other)
        return status

    monkeypatch.setattr(Path, "lstat", lstat)
    if read is sr_files.note:  # At places that nobody can foresee.
        assert sr_files.is_as_noted(path, expected)
    else:
        assert np.array_equal(read(path), expected)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"12345")
    assert read_foreign(path, 5) == b"12345"
    with pytest.raises(UserError, match="sensible size"):
        read_foreign(path, 4)


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_sr_image_is_read_as_it_was_saved(tmp_path: Path, order: str) -> None:
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(SHAPE)
    np.save(tmp_path / "it.npy", np.asarray(image, order=order))
    assert np.array_equal(read_sr(tmp_path / "it.npy", SHAPE), image)


@pytest.mark.parametrize("array", [np.zeros((8, 8), np.uint8), np.zeros(SHAPE, np.float32)])
def test_another_array_is_no_sr_image(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "it.npy", array)
    with pytest.raises(SubmissionFailed, match="no uint8 array"):
        read_sr(tmp_path / "it.npy", SHAPE)


def test_a_header_that_promises_more_than_there_is_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "it.npy"
    np.save(path, np.zeros(SHAPE, np.uint8))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SubmissionFailed, match="cannot be read"):
        read_sr(path, SHAPE)


WRITERS: list[Callable[[Path], object]] = [
    file_handler,
    lambda path: kept_in(path, PrintedOutput(io.BytesIO())).__enter__(),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("kind", ["pipe", "folder", "socket"])
def test_a_log_that_is_no_file_keeps_nobody_waiting(
    tmp_path: Path, write: Callable[[Path], object], kind: str
) -> None:
    ODD[kind](tmp_path / "log")
    with pytest.raises(UserError, match="log: is no ordinary file"):
        write(tmp_path / "log")


def test_a_record_that_nests_without_end_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="does not hold what it should"):
        read_record(tmp_path / "record.json")
