"""One file over HTTPS: resumed where it broke off, believed only with the right hash."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from utils.errors import UserError, cause

_TIMEOUT_S = 30
_BLOCK = 1 << 16


def fetch(url: str, target: Path, expected_sha256: str) -> None:
    """Download a file unless it is there already.

    What has arrived is kept in `NAME.part` and continued by the next call.

    Args:
        url: where it is.
        target: where it shall be; it appears there only when it is whole.
        expected_sha256: hexadecimal.

    Raises:
        UserError: it cannot be had, or is not what was expected.
    """
    if target.is_file() and sha256(target) == expected_sha256:
        return
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _receive(url, part)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"cannot be downloaded ({reason})",
            where=url,
            remedy=f"check the connection, or copy the file to {target}",
        ) from error
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=part) from error
    if sha256(part) != expected_sha256:
        part.unlink()
        raise UserError("is not the expected file (its SHA-256 differs)", where=url)
    part.replace(target)


def _receive(url: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
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
        columns = (TextColumn(part.stem), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=total, completed=file.tell())
            while block := response.read(_BLOCK):
                file.write(block)
                bar.update(task, advance=len(block))
        if total is not None and file.tell() < total:
            raise http.client.IncompleteRead(b"", total - file.tell())


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
