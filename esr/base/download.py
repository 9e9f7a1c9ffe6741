"""One file over HTTPS: resumed where it broke off, believed only with the right hash."""

from __future__ import annotations

import http.client
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http.client import HTTPMessage
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from esr.base.errors import UserError, cause
from esr.base.sha256 import hash_file

_TIMEOUT_S = 30
_BLOCK = 1 << 16


HTTPS = ("https",)


def fetch(
    url: str,
    target: Path,
    expected_sha256: str,
    *,
    size_bytes: int | None = None,
    schemes: Sequence[str] = HTTPS,
) -> None:
    """Download a file unless it is there already.

    What has arrived is kept in `NAME.part` and continued by the next call.

    Args:
        url: where it is.
        target: where it shall be; it appears there only when it is whole.
        expected_sha256: hexadecimal.
        size_bytes: of the file, where it is known: no more is received, and the disk must have
            room for it.
        schemes: protocols that are allowed, after a redirection too.

    Raises:
        UserError: it cannot be had, or is not what was expected.
    """
    if target.is_file() and hash_file(target) == expected_sha256:
        return
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        require_space(target.parent, (size_bytes or 0) - _size(part))
        _receive(url, part, size_bytes, schemes)
    except _TooLarge as error:
        part.unlink()
        raise UserError("is not the expected file (it is larger)", where=url) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"cannot be downloaded ({reason})",
            where=url,
            remedy=f"check the connection, or copy the file to {target}",
        ) from error
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=part) from error
    if hash_file(part) != expected_sha256:
        part.unlink()
        raise UserError("is not the expected file (its SHA-256 differs)", where=url)
    part.replace(target)


def require_space(folder: Path, needed_bytes: int) -> None:
    """Make sure that a disk has room.

    Raises:
        UserError: it has not.
        OSError: the folder cannot be looked at.
    """
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise UserError(
            f"{needed_bytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free",
            where=folder,
            remedy="free some space or choose another folder",
        )


class _TooLarge(Exception):
    pass


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirection to a protocol that is not allowed."""

    def __init__(self, schemes: Sequence[str]) -> None:
        self.schemes = schemes

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Decide about one redirection."""
        _require_scheme(newurl, self.schemes)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_scheme(url: str, schemes: Sequence[str]) -> None:
    if urllib.parse.urlsplit(url).scheme not in schemes:
        raise UserError(f"only {' and '.join(schemes)} addresses are downloaded", where=url)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(url: str, part: Path, size_bytes: int | None, schemes: Sequence[str]) -> None:
    _require_scheme(url, schemes)
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.build_opener(_Redirects(schemes)).open(
            request, timeout=_TIMEOUT_S
        )
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # Nothing is left to be sent: the hash will tell whether it is whole.
        raise
    with (
        response,
        part.open("ab" if response.status == http.client.PARTIAL_CONTENT else "wb") as file,
    ):
        length = response.headers.get("Content-Length")
        total = file.tell() + int(length) if length else None
        at_most = size_bytes if size_bytes is not None else sys.maxsize
        if total is not None and total > at_most:
            raise _TooLarge
        _copy(response, file, part.stem, total, at_most)


def _copy(
    response: http.client.HTTPResponse, file: IO[bytes], name: str, total: int | None, at_most: int
) -> None:
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total, completed=file.tell())
        while block := response.read(_BLOCK):
            file.write(block)
            if file.tell() > at_most:
                raise _TooLarge
            bar.update(task, advance=len(block))
    if total is not None and file.tell() < total:
        raise http.client.IncompleteRead(b"", total - file.tell())
