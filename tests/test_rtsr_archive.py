"""Archives from strangers: what is refused, and that nothing is ever written elsewhere."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.base.errors import UserError
from esr.challenge.rtsr.rtsr_hooks import MEMBERS_AT_MOST, extract


def _zip(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "outer" / "target").mkdir(parents=True)
    return tmp_path / "outer" / "target"


def test_a_sound_archive_is_unpacked(tmp_path: Path, target: Path) -> None:
    members = {"arch.py": b"x", "utils/a/b.py": b"y" * 10**6, "results/1.png": b"\x89"}
    extract(_zip(tmp_path / "a.zip", ("utils/", b""), *members.items()), target)
    assert _files(target) == members


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "a/../../evil", "/evil", "a/..", "..", "..\\evil", "a\\..\\..\\evil"),
        *("C:/evil", "C:evil", "a\nb", "a\x1b[31m", "x" * 300, "\\\\server\\evil"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path, target: Path) -> None:
    archive = _zip(tmp_path / "a.zip", (name, b"evil"))
    with pytest.raises(UserError, match=r"outside of|cannot be used") as error:
        extract(archive, target)
    assert str(error.value).isprintable()
    assert _files(target.parent) == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab./\\:~ \x00"), min_size=1, max_size=8), max_size=4))
def test_whatever_the_names_are_nothing_is_written_elsewhere(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    outer = tmp_path_factory.mktemp("outer")
    (outer / "target").mkdir()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name in dict.fromkeys(names):
            info = zipfile.ZipInfo("x")
            info.filename = name
            opened.writestr(info, b"evil")
    (outer / "a.zip").write_bytes(buffer.getvalue())
    with contextlib.suppress(UserError):
        extract(outer / "a.zip", outer / "target")
    elsewhere = {path for path in outer.rglob("*") if outer / "target" not in path.parents}
    assert elsewhere == {outer / "a.zip", outer / "target"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(kind: int, tmp_path: Path, target: Path) -> None:
    info = zipfile.ZipInfo("arch.py")
    info.external_attr = (kind | 0o777) << 16
    with pytest.raises(UserError, match="link or another special file"):
        extract(_zip(tmp_path / "a.zip", (info, b"/etc/passwd")), target)
    assert list(target.iterdir()) == []


def test_a_bomb_is_stopped_by_what_comes_out(tmp_path: Path, target: Path) -> None:
    archive = _zip(tmp_path / "a.zip", ("a", bytes(3 * 2**20)), ("b", bytes(3 * 2**20)))
    assert archive.stat().st_size < 10_000
    with pytest.raises(UserError, match="more bytes than any submission"):
        extract(archive, target, bytes_at_most=5 * 2**20)
    assert sum(len(data) for data in _files(target).values()) <= 5 * 2**20


def test_a_bomb_that_understates_its_size_is_stopped_too(tmp_path: Path, target: Path) -> None:
    archive = _zip(tmp_path / "a.zip", ("a", bytes(4 * 2**20)))
    data = archive.read_bytes()
    size = struct.pack("<I", 4 * 2**20)
    assert data.count(size) == 2  # local and central header
    archive.write_bytes(data.replace(size, struct.pack("<I", 10)))
    with pytest.raises(UserError):
        extract(archive, target, bytes_at_most=2**20)
    assert sum(len(data) for data in _files(target).values()) <= 2**20


def test_too_many_members_are_refused(tmp_path: Path, target: Path) -> None:
    members = [(str(number), b"") for number in range(MEMBERS_AT_MOST + 1)]
    with pytest.raises(UserError, match="more than 20000 files"):
        extract(_zip(tmp_path / "a.zip", *members), target)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["arch.py", "./arch.py", "arch.py/x", "arch.py/"])
def test_a_second_member_does_not_replace_a_file(second: str, tmp_path: Path, target: Path) -> None:
    archive = _zip(tmp_path / "a.zip", ("arch.py", b"first"), (second, b""))
    with pytest.raises(UserError, match="cannot be unpacked"):
        extract(archive, target)
    assert _files(target) == {}


@pytest.mark.parametrize("name", ["a/" * 1500 + "x.py", "a/" * 30_000 + "x", "./" * 2000 + "x"])
def test_folders_deeper_than_anybody_makes_are_refused(
    name: str, tmp_path: Path, target: Path
) -> None:
    archive = _zip(tmp_path / "a.zip", (name, b""))
    with pytest.raises(UserError, match="lies too deep") as error:
        extract(archive, target)
    assert len(str(error.value)) < 200
    assert _files(target.parent) == {}


def test_encryption_is_refused(tmp_path: Path, target: Path) -> None:
    archive = _zip(tmp_path / "a.zip", ("arch.py", b"x"))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    with pytest.raises(UserError, match="is encrypted"):
        extract(archive, target)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path, target: Path) -> None:
    archive = _zip(tmp_path / "a.zip", ("arch.py", b"x" * 99), ("next.py", b"y" * 99))
    data = bytearray(archive.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 42, 0)
    archive.write_bytes(data)
    with pytest.raises(UserError, match="shares its bytes"):
        extract(archive, target)
    assert _files(target) == {}


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped"])
def test_a_damaged_archive_is_refused(damage: str, tmp_path: Path, target: Path) -> None:
    archive = _zip(tmp_path / "a.zip", ("arch.py", bytes(range(256)) * 100))
    data = archive.read_bytes()
    middle = len(data) // 3
    archive.write_bytes(
        {
            "empty": b"",
            "text": b"not a zip",
            "cut": data[:-40],
            "flipped": data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :],
        }[damage]
    )
    with pytest.raises(UserError, match=r"no sound zip file|cannot be unpacked"):
        extract(archive, target)
