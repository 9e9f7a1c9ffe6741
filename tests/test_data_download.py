"""Downloads of data sets from a server on this machine, and archives that nobody should trust."""

from __future__ import annotations

import hashlib
import http.server
import io
import stat
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from data_sets import bicubic, photograph
from harness import write_image, zip_bytes

import esr.datasets.obtain_set
from esr.base.download import fetch
from esr.base.errors import UserError
from esr.challenge.data_set_registry import Archive, DataSet
from esr.datasets.data_command import main
from esr.datasets.obtain_set import obtain, unpack

HTTP = ("http",)
CUT_AT = 5000


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; /cut/NAME breaks off, /moved/NAME redirects, /away/SCHEME too,
    and /long/NAME goes on."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        where, _, name = self.path[1:].rpartition("/")
        if where in ("moved", "away"):
            self.send_response(302)
            away = f"{name}//127.0.0.1:9/a.zip"
            self.send_header("Location", f"/{name}" if where == "moved" else away)
            self.end_headers()
        elif name not in self.server.files:
            self.send_error(404)
        else:
            self._send(where, self.server.files[name])

    def _send(self, where: str, content: bytes) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if where != "long":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : CUT_AT if where == "cut" else None])
        if where == "long":
            self.wfile.write(bytes(1_000_000))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.asked, server.files = [], {}
        server.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def _png(image) -> bytes:
    path = Path("image.png")
    write_image(path, image)
    return path.read_bytes()


@pytest.fixture
def served(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A set of two images on the server, and what a registry would say of it."""
    monkeypatch.chdir(tmp_path)
    hr = {name: photograph(name) for name in ("coffee", "rocket")}
    server.files["Mine_HR.zip"] = zip_bytes({f"Mine_HR/{n}.png": _png(i) for n, i in hr.items()})
    server.files["Mine_X4.zip"] = zip_bytes(
        {f"Mine_LR_bicubic/X4/{n}x4.png": _png(bicubic(i)) for n, i in hr.items()}
    )
    return _described(server)


def _described(server, where: str = "") -> DataSet:
    archives = tuple(
        Archive(
            f"{server.address}/{where}{name}",
            hashlib.sha256(content).hexdigest(),
            len(content),
            4 if "X4" in name else None,
        )
        for name, content in server.files.items()
    )
    return DataSet("Mine", {"images": "here"}, 2, archive=archives, archive_source="here")


def test_a_set_is_downloaded_unpacked_and_then_known(served: DataSet, server) -> None:
    folder = Path("sets")
    assert len(obtain(served, folder, 4, HTTP)) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["Mine_HR", "Mine_LR_bicubic"]
    assert main(["check", str(folder)]) == 0
    asked = len(server.asked)
    assert obtain(served, folder, 4, HTTP) == []
    assert len(server.asked) == asked


def test_a_redirection_is_followed(served: DataSet, server) -> None:
    assert len(obtain(_described(server, "moved/"), Path("sets"), 4, HTTP)) == 2


def test_a_transfer_that_breaks_off_is_resumed(served: DataSet, server) -> None:
    with pytest.raises(UserError, match="cannot be downloaded"):
        obtain(_described(server, "cut/"), Path("sets"), 4, HTTP)
    obtain(served, Path("sets"), 4, HTTP)
    assert ("/Mine_HR.zip", f"bytes={CUT_AT}-") in server.asked
    assert main(["check", "sets"]) == 0


def test_a_wrong_checksum_leaves_nothing(served: DataSet, server) -> None:
    wrong = tuple(replace(archive, sha256="0" * 64) for archive in served.archive)
    with pytest.raises(UserError, match="SHA-256 differs"):
        obtain(replace(served, archive=wrong), Path("sets"), 4, HTTP)
    assert list(Path("sets").iterdir()) == []


def test_more_than_was_promised_is_not_received(served: DataSet, server) -> None:
    with pytest.raises(UserError, match="it is larger"):
        obtain(_described(server, "long/"), Path("sets"), 4, HTTP)
    small = tuple(replace(archive, size_bytes=100) for archive in served.archive)
    with pytest.raises(UserError, match="it is larger"):
        obtain(replace(served, archive=small), Path("sets"), 4, HTTP)
    assert list(Path("sets").iterdir()) == []


def test_space_is_looked_for_before_anything_is_asked(served: DataSet, server) -> None:
    huge = tuple(replace(archive, size_bytes=10**18) for archive in served.archive)
    with pytest.raises(UserError, match=r"1000000000000 MB are needed, \d+ MB are free"):
        obtain(replace(served, archive=huge), Path("sets"), 4, HTTP)
    assert server.asked == []


@pytest.mark.parametrize(
    ("path", "schemes", "says"),
    [
        ("a.zip", ("https",), "only https addresses are downloaded"),
        ("away/https:", HTTP, "https://127.0.0.1:9/a.zip: only http addresses are downloaded"),
        ("away/file:", HTTP, "not allowed"),
    ],
)
def test_other_protocols_are_refused_even_after_a_redirection(
    server, tmp_path: Path, path: str, schemes: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        fetch(f"{server.address}/{path}", tmp_path / "a.zip", "0" * 64, schemes=schemes)
    assert not any(tmp_path.glob("*.zip"))


def test_offline_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Nobody:
        def open(self, *_: object, **__: object) -> None:
            raise esr.base.download.urllib.error.URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setattr(esr.base.download.urllib.request, "build_opener", lambda *_: Nobody())
    assert main(["download", "DIV2K_valid", "--dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be downloaded" in said
    assert "check the connection, or copy the file to" in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("DIV2K_LSDIR_test", "its HR is not public; evaluate DIV2K_LSDIR_valid"),
        ("Manga109", "its owners give access on application"),
        ("Set5", "no stable public address with a known checksum is known"),
        ("Urban100", "see https://github.com/jbhuang0604/SelfExSR"),
    ],
)
def test_a_set_without_an_address_says_what_to_do(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["download", name]) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), says in said) == (1, True)


def _hostile(name: str) -> bytes:
    link = zipfile.ZipInfo("inner/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    member = {
        "parent": "../escaped.png",
        "deep": "a/../../escaped.png",
        "absolute": "/tmp/escaped.png",
        "windows": "..\\escaped.png",
        "drive": "C:escaped.png",
        "control": "red\x1b[31m.png",
        "link": link,
    }.get(name, "a.png")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.png", b"harmless")
        archive.writestr(member, b"/etc/passwd" if name == "link" else b"x")
        if name == "bomb":
            archive.writestr("bomb.png", bytes(50_000_000))
        if name == "twice":
            archive.writestr("A.png", b"y")
    data = content.getvalue()
    if name == "encrypted":
        at = data.rindex(b"PK\x01\x02") + 8
        data = data[:at] + b"\x01" + data[at + 1 :]
    return data


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("parent", "leaves the folder"),
        ("deep", "leaves the folder"),
        ("absolute", "leaves the folder"),
        ("windows", "unusable name"),
        ("drive", "unusable name"),
        ("control", "unusable name"),
        ("link", "is a link"),
        ("bomb", "would grow to 50 MB"),
        ("twice", "is named twice"),
        ("encrypted", "is encrypted"),
    ],
)
def test_a_hostile_archive_is_not_unpacked(tmp_path: Path, name: str, says: str) -> None:
    archive = tmp_path / "outer" / "a.zip"
    folder = tmp_path / "outer" / "folder"
    folder.mkdir(parents=True)
    archive.write_bytes(_hostile(name))
    with pytest.raises(UserError, match=says) as refused:
        unpack(archive, folder)
    assert "\x1b" not in str(refused.value)
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "folder", "outer"]


def test_a_declared_size_that_lies_is_found_out(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(50_000_000))
    data = content.getvalue().replace((50_000_000).to_bytes(4, "little"), b"\x10\0\0\0")
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UserError, match="damaged zip archive"):
        unpack(tmp_path / "a.zip", tmp_path / "folder")
    assert not any((tmp_path / "folder").rglob("*.png"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "text"])
def test_a_damaged_archive_is_one_line(tmp_path: Path, damage: str) -> None:
    data = zip_bytes({"a.png": bytes(range(256)) * 100})
    broken = {
        "cut": data[:-30],
        "flipped": data[:5000] + bytes([data[5000] ^ 255]) + data[5001:],
        "text": b"<html>not found</html>",
    }
    (tmp_path / "a.zip").write_bytes(broken[damage])
    with pytest.raises(UserError, match="damaged zip archive"):
        unpack(tmp_path / "a.zip", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_unpacking_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_bytes({"in/a.png": b"first", "in/b.png": b"second"}))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"first")
    (tmp_path / "in" / ".b.png.77.part").write_bytes(b"sec")
    assert unpack(tmp_path / "a.zip", tmp_path) == 2
    assert (tmp_path / "in" / "b.png").read_bytes() == b"second"


def test_another_file_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_bytes({"a.png": b"first"}))
    (tmp_path / "a.png").write_bytes(b"mine!")
    with pytest.raises(UserError, match=r"a\.png: is there already, and is another file"):
        unpack(tmp_path / "a.zip", tmp_path)
    assert (tmp_path / "a.png").read_bytes() == b"mine!"
