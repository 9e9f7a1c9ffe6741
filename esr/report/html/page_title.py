"""What an organizer calls a leaderboard: `--title`, `--subtitle`, `--logo`."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError, cause
from esr.base.visible_text import one_line

_TITLE_AT_MOST = 120
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


@dataclass(frozen=True)
class PageTitle:
    """What stands above a leaderboard; empty leaves it to the rules' name."""

    title: str = ""
    subtitle: str = ""
    logo: str = ""
    """Data URI of a picture."""


def make_page_title(title: str, subtitle: str, logo: Path | None) -> PageTitle:
    """Take titles and the picture beside them.

    Args:
        title: one line.
        subtitle: one line.
        logo: a picture file.

    Raises:
        UserError: the logo cannot be read, is no picture, or too large for a page.
    """
    picture = "" if logo is None else _embed_logo(logo)
    return PageTitle(one_line(title, _TITLE_AT_MOST), one_line(subtitle, _TITLE_AT_MOST), picture)


def _embed_logo(path: Path) -> str:
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
