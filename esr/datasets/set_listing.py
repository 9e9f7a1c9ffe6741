"""What the registry knows of data sets, as lines of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from esr.base.errors import UserError
from esr.challenge.data_set_registry import FACTS, DataSet, registry

_TITLES = {
    "images": "images",
    "names": "names",
    "hr_public": "HR public",
    "licence": "licence",
    "home_page": "home page",
}


def chosen(names: Sequence[str]) -> list[DataSet]:
    """Pick data sets by name; all of them without any.

    Raises:
        UserError: one of them is unknown.
    """
    known = registry()
    found = []
    for name in names:
        if (one := known.find(name)) is None:
            raise UserError(f"no such data set; known are {', '.join(known.sets)}", where=name)
        found.append(one)
    return found or list(known.sets.values())


def overview(sets: Sequence[DataSet]) -> Iterator[str]:
    """List sets, a line each."""
    yield f"{'set':<20}{'images':>7}  {'HR public':<15}{'download':<10}"
    for one in sets:
        images = "unknown" if one.images is None else str(one.images)
        offered = "yes" if one.archive else "no"
        yield f"{one.name:<20}{images:>7}  {one.hr_public or 'unknown':<15}{offered:<10}".rstrip()


def facts(one: DataSet) -> Iterator[str]:
    """Describe a set: every fact with its source, and what is unknown."""
    yield one.name
    for fact in FACTS:
        value = getattr(one, fact)
        text = "unknown" if value is None else f"{value} (source: {one.source[fact]})"
        yield from _line(_TITLES[fact], text)
    further = {
        "also called": ", ".join(one.aliases),
        "how to get it": one.how,
        "without HR": one.instead,
    }
    for title, said in further.items():
        yield from _line(title, said) if said else ()
    for archive in one.archive:
        yield from _line("archive", f"{archive.url} ({archive.size_bytes / 1e6:.0f} MB)")


def _line(title: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        80,
        initial_indent=f"  {title:<15}",
        subsequent_indent=" " * 17,
        break_long_words=False,
        break_on_hyphens=False,
    )
