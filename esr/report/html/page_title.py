"""What an organizer calls a leaderboard: `--title`, `--subtitle`, `--logo`."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError, cause

TITLE_AT_MOST = 120
_LOGO_AT_MOST = 200 * 2**10
_KINDS = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"RIFF": "webp",
    b"<svg": "svg+xml",
    b"<?xml": "svg+xml",
}
"""What a picture begins with, and its MIME subtype. In an <img>, an SVG runs no program."""

LOGO_URI = r"^data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}$"
"""What `embed_logo` makes of a picture."""
LOGO_URI_AT_MOST = 40 + 4 * (_LOGO_AT_MOST // 3 + 1)
"""Characters of it: base64 makes four of three bytes."""


@dataclass(frozen=True)
class PageTitle:
    """What stands above a leaderboard; empty leaves it to the rules' name."""

    title: str = ""
    subtitle: str = ""
    logo: str = ""
    """Data URI of a picture."""


def embed_logo(path: Path) -> str:
    """Read a picture as a data URI.

    Raises:
        UserError: it cannot be read, is no picture, or too large for a page.
    """
    where = f"--logo {path}"
    try:
        with path.open("rb") as file:
            data = file.read(_LOGO_AT_MOST + 1)
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=where) from error
    kind = next((kind for start, kind in _KINDS.items() if data.lstrip().startswith(start)), None)
    if kind is None:
        raise UserError("is no picture", where=where, remedy="give a PNG, JPEG, WebP or SVG file")
    if len(data) > _LOGO_AT_MOST:
        raise UserError(
            f"is larger than {_LOGO_AT_MOST // 2**10} KiB", where=where, remedy="make it smaller"
        )
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
