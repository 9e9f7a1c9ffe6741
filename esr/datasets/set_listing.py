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


def choose(names: Sequence[str]) -> list[DataSet]:
    """Pick data sets by name; all of them without any.

    Raises:
        UserError: one of them is unknown.
    """
    known = registry()
    chosen = []
    for name in names:
        if (data_set := known.find(name)) is None:
            raise UserError(f"no such data set; known are {', '.join(known.sets)}", where=name)
        chosen.append(data_set)
    return chosen or list(known.sets.values())


def tabulate(data_sets: Sequence[DataSet]) -> Iterator[str]:
    """List sets, a line each."""
    yield f"{'set':<20}{'images':>7}  {'HR public':<15}{'download':<10}"
    for each in data_sets:
        images = "unknown" if each.images is None else str(each.images)
        offered = "yes" if each.archive else "no"
        yield f"{each.name:<20}{images:>7}  {each.hr_public or 'unknown':<15}{offered:<10}".rstrip()


def describe(data_set: DataSet) -> Iterator[str]:
    """Describe a set: every fact with its source, and what is unknown."""
    yield data_set.name
    for fact in FACTS:
        value = getattr(data_set, fact)
        text = "unknown" if value is None else f"{value} (source: {data_set.source[fact]})"
        yield from _line(_TITLES[fact], text)
    further = {
        "also called": ", ".join(data_set.aliases),
        "how to get it": data_set.how,
        "without HR": data_set.instead,
    }
    for title, hint in further.items():
        yield from _line(title, hint) if hint else ()
    for archive in data_set.archive:
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
