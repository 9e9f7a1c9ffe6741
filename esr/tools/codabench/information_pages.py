"""The texts of a competition as Markdown, from the templates in `pages/`."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).parent / "pages"


def write_page(name: str, **facts: object) -> bytes:
    """Fill in a template.

    Args:
        name: of the page, without suffixes.
        facts: what it says.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        # Markdown, not HTML: the server makes that of it.
        autoescape=False,
    )
    return environment.get_template(f"{name}.md.j2").render(facts).encode("utf-8")
