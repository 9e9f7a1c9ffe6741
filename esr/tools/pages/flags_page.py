"""docs/flags.md: what every flag means, written from `esr/audit/flags.toml`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esr.audit.flag_meanings import FLAG_GRADES, FlagMeaning, Subject, list_flag_meanings
from esr.base.house import ROOT
from esr.report.row_marks import ROW_MARKS

_HEAD = ROOT / "docs" / "flags" / "head.md"

_TITLES: dict[Subject, str] = {
    "runtime": "Runtime",
    "quality": "Quality",
    "complexity": "Parameters and FLOPs",
    "behaviour": "What it reached for",
    "origin": "Where it comes from",
}


def flags_page() -> str:
    """Write the page: a section a subject, the gravest flags first."""
    return "\n".join([_HEAD.read_text(encoding="utf-8"), *map(_write_section, _TITLES)])


def _write_section(subject: Subject) -> str:
    chosen = [each for each in list_flag_meanings().values() if each.subject == subject]
    chosen.sort(key=lambda each: FLAG_GRADES.index(each.grade))
    return "\n".join([f"## {_TITLES[subject]}\n", *_write_table(chosen)]) + "\n"


def _write_table(flags: Sequence[FlagMeaning]) -> Iterator[str]:
    yield "| flag | grade | what it means | do honest submissions raise it? | what to do |"
    yield "|---|---|---|---|---|"
    for each in flags:
        grade = f"{each.grade} {ROW_MARKS[each.grade]}".strip()
        cells = (f"`{each.name}`", grade, each.meaning, each.honest, each.remedy)
        yield f"| {' | '.join(cells)} |"
