"""Public checkpoints: the mapping, the folder, and downloads from a server on this machine."""

from __future__ import annotations

import errno
import hashlib
import http.server
import os
import threading
from pathlib import Path

import pytest
from harness import Harness, nearest_state

from esr.base.download import fetch
from esr.base.errors import ExitCode, UserError
from esr.submissions.public_checkpoints import ROOT, main, read_zoo

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HTTP = ("http",)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT: whole, from an offset, cut off, or after a redirect."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        if self.path not in ("/whole", "/cut"):
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + 1000] if self.path == "/cut" else CONTENT[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        server.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("path", ["/whole", "/moved"])
def test_a_file_arrives_whole(server, tmp_path: Path, path: str) -> None:
    fetch(server.address + path, tmp_path / "new" / "a.pth", SHA256, schemes=HTTP)
    assert (tmp_path / "new" / "a.pth").read_bytes() == CONTENT
    assert [item.name for item in (tmp_path / "new").iterdir()] == ["a.pth"]


def test_what_is_there_is_not_fetched_again(server, tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(CONTENT)
    fetch(server.address + "/whole", tmp_path / "a.pth", SHA256, schemes=HTTP)
    assert server.asked == []


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path: Path) -> None:
    target = tmp_path / "a.pth"
    with pytest.raises(UserError, match="cannot be downloaded"):
        fetch(server.address + "/cut", target, SHA256, schemes=HTTP)
    assert not target.exists()
    fetch(server.address + "/whole", target, SHA256, schemes=HTTP)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == ("/whole", "bytes=1000-")


def test_a_part_that_is_whole_is_taken(server, tmp_path: Path) -> None:
    (tmp_path / "a.pth.part").write_bytes(CONTENT)
    fetch(server.address + "/whole", tmp_path / "a.pth", SHA256, schemes=HTTP)
    assert (tmp_path / "a.pth").read_bytes() == CONTENT


def test_another_file_is_refused_and_leaves_nothing(server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="SHA-256 differs"):
        fetch(server.address + "/whole", tmp_path / "a.pth", "0" * 64, schemes=HTTP)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["/missing", None])
def test_what_cannot_be_reached_says_what_to_do(
    server, tmp_path: Path, address: str | None
) -> None:
    url = server.address + address if address else "http://127.0.0.1:9/closed"
    with pytest.raises(UserError, match="check the connection, or copy the file"):
        fetch(url, tmp_path / "a.pth", SHA256, schemes=HTTP)


def test_the_mapping_is_of_the_public_checkpoints(shared: Path) -> None:
    zoo = read_zoo(ROOT / "model_zoo" / "public.toml")
    folder = shared / "networks" / "checkpoints"
    for entry in zoo:
        digest = hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()
        assert digest == entry.sha256, entry.file


def test_an_unknown_submission_and_one_that_cannot_be_downloaded(capsys) -> None:
    assert main(["77"]) == 2
    assert "submission 77: no public checkpoint is known" in capsys.readouterr().err
    assert main(["5"]) == 2
    assert "srnext_x4.pth: cannot be downloaded" in capsys.readouterr().err


def test_a_folder_that_the_system_refuses_costs_one_line(capsys) -> None:
    assert main(["16", "--dir", "x" * 300]) == ExitCode.UNUSABLE
    said = capsys.readouterr().err
    assert said.startswith("error: xxx")
    assert said.count("\n") == 1
    assert os.strerror(errno.ENAMETOOLONG) in said


def test_a_folder_of_public_checkpoints_is_used_under_their_names(harness: Harness) -> None:
    folder = harness.path / "public"
    folder.mkdir()
    source = next((harness.path / "model_zoo").glob("*.pth"))
    (folder / "authors_name.pt").write_bytes(source.read_bytes())
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    entry = f'[[checkpoint]]\nmodel = "team00_Tiny"\nfile = "authors_name.pt"\nsource = "x"\nsha256 = "{digest}"\n'
    (harness.path / "model_zoo" / "public.toml").write_text(entry)
    harness.add("team01_Other", state=nearest_state())
    done = harness.run("--model_id", "all", "--checkpoint_dir", str(folder))
    rows = harness.rows()
    assert done.returncode == 1
    assert harness.record("00_Tiny")["provenance"]["checkpoint"] == "authors_name.pt"
    assert "names no public one for team01_Other" in rows["01_Other"]["Reason"]
    (folder / "authors_name.pt").write_bytes(b"something else")
    done = harness.run("--checkpoint_dir", str(folder))
    assert (done.returncode, "SHA-256 differs" in done.stderr) == (2, True)
