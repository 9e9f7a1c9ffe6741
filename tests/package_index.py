"""Packages that a test makes, and an index of them on this machine: nobody else is asked."""

from __future__ import annotations

import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOBODY = "http://127.0.0.1:9"
"""A port of this machine at which nobody listens."""


def write_wheel(
    folder: Path, version: str, requires: str = "", name: str = "esr_colour", payload: bytes = b""
) -> Path:
    """Make a wheel of one module, which knows its version (packaging.python.org, binary format)."""
    info = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = [*files, f"{name}.bin", f"{info}/RECORD"]
    files[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in listed)
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{name}.bin", payload)
    return wheel


HOSTILE = """
import time
for attempt in {attempts!r}:
    try:
        exec(attempt)
        print("DONE", attempt)
    except OSError as error:
        print("REFUSED", attempt)
if {hangs}:
    time.sleep(10_000)
raise SystemExit("tired")
"""
_OF_ITS_OWN = '[build-system]\nrequires = []\nbuild-backend = "setup"\nbackend-path = ["."]\n'
"""Built by its setup.py without setuptools (PEP 517), which no index of a test has."""


def write_source(
    folder: Path, attempts: list[str], *, hangs: bool, name: str = "esr_hostile", own: bool = False
) -> None:
    """Make a source package whose setup.py tries what it should not, then hangs or fails."""
    package = folder / f"{name}-1.0"
    package.mkdir(parents=True)
    (package / "setup.py").write_text(HOSTILE.format(attempts=attempts, hangs=hangs))
    (package / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if own:
        (package / "pyproject.toml").write_text(_OF_ITS_OWN)
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
        archive.add(package, package.name)


@contextmanager
def served(folder: Path, elsewhere: Mapping[str, str]) -> Iterator[str]:
    """Be an index of packages (packaging.python.org, simple repository API).

    Args:
        folder: holds them.
        elsewhere: address of the file of those that another server has, by their names.

    Yields:
        address of the index.
    """

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place, _, name = self.path.strip("/").partition("/")
            files = {each.name: each for each in folder.iterdir() if each.is_file()}
            if place == "files" and name in files:
                self._answer(files[name].read_bytes())
                return
            links = [f"/files/{file}" for file in files if _project(file) == name]
            links += [elsewhere[name]] if name in elsewhere else []
            page = "".join(f'<a href="{link}">{link.rpartition("/")[2]}</a>' for link in links)
            self._answer(f"<!DOCTYPE html><html><body>{page}</body></html>".encode(), bool(links))

        def _answer(self, content: bytes, is_there: bool = True) -> None:
            self.send_response(200 if is_there else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # A disk that is full takes no more.
                self.wfile.write(content if self.command == "GET" else b"")

        do_HEAD = do_GET  # uv asks for it first.

        def log_message(self, *message: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        finally:
            server.shutdown()
            thread.join()


def _project(file: str) -> str:
    """The name under which an index has a file."""
    return file.partition("-")[0].replace("_", "-")
