"""What is known of data sets and what was found in them, as lines of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.challenge.data_set_registry import FACTS, DataSet, registry
from esr.datasets.checking.check_set import CheckedSet
from esr.datasets.checking.data_findings import DEFECTS, NOTES, DataFinding, Kind

_TITLES = {
    "images": "images",
    "names": "names",
    "hr_public": "HR public",
    "licence": "licence",
    "home_page": "home page",
}


WIDTH = 80
FILES_AT_MOST = 8
"""Of one kind; the rest is counted."""
_HARMLESS: set[Kind] = {
    "leftover", "grey", "hr_jpeg", "incomplete", "duplicate", "other_format", "small", "too_small",
}  # fmt: skip


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
        WIDTH,
        initial_indent=f"  {title:<15}",
        subsequent_indent=" " * 17,
        break_long_words=False,
        break_on_hyphens=False,
    )


def describe_set(checked: CheckedSet, data_dir: Path) -> Iterator[str]:
    """Describe a set: where it lies, what must be put right, what is worth knowing."""
    of = checked.folder
    yield from _wrapped(f"{of.name} x{of.scale}: {_count(checked)}", "", "  ")
    for title, folder in (("HR", of.hr), ("LR", of.lr)):
        where = _relative(folder, data_dir) if folder is not None else "none"
        yield from _wrapped(f"{title}  {where}", "  ", "      ")
    if of.other_scales:
        scales = ", ".join(f"x{scale}" for scale in of.other_scales)
        flags = ", ".join(f"--scale {scale}" for scale in of.other_scales)
        yield from _wrapped(f"LR of {scales} is there too, not looked at: {flags}", "  ", "      ")
    kinds = {finding.kind for finding in checked.findings}
    for kind in [*DEFECTS, *NOTES]:
        if kind in kinds:
            yield from _of_kind(kind, [each for each in checked.findings if each.kind == kind])
    if checked.pairs and not kinds - _HARMLESS:
        yield "  every LR is MATLAB's bicubic of its HR, bit for bit"


def summarize(checked: Sequence[CheckedSet]) -> str:
    """Say in a line how many defects and notes there are."""
    defects = sum(each.defects for each in checked)
    notes = sum(len(each.findings) for each in checked) - defects
    return f"{_plural(defects, 'defect')}, {_plural(notes, 'note')}"


def _count(checked: CheckedSet) -> str:
    known = checked.folder.known
    number = _plural(checked.pairs, "pair")
    return f"{number} of {known.images}" if known and known.images else number


def _of_kind(kind: Kind, findings: Sequence[DataFinding]) -> Iterator[str]:
    word = "defect" if kind in DEFECTS else "note"
    files = sum(finding.file is not None for finding in findings)
    number = f" ({_plural(files, 'file')})" if files else ""
    yield from _wrapped(f"{word}: {findings[0].headline}{number}", "  ", "    ")
    for finding in findings[:FILES_AT_MOST]:
        name = finding.file.name if finding.file is not None else ""
        text = ": ".join(part for part in (name, finding.detail) if part)
        yield from _wrapped(text, "    ", "      ")
    if len(findings) > FILES_AT_MOST:
        yield f"    and {len(findings) - FILES_AT_MOST} more"


def _relative(path: Path, data_dir: Path) -> str:
    return str(path.relative_to(data_dir)) if path.is_relative_to(data_dir) else str(path)


def _wrapped(text: str, first: str, further: str) -> list[str]:
    return textwrap.wrap(
        one_line(text), WIDTH, initial_indent=first, subsequent_indent=further, max_lines=4
    )


def _plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
