"""What every flag means: `flags.toml`, the single list of the names, read and looked up.

docs/flags.md, the report and the marks of the tables are made of it. A record may hold other names:
one of another version, or what a hostile worker has made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from esr.base.toml_file import STRICT, check_tables, read_tables
from esr.records.measurement import Flag

FLAGS = Path(__file__).with_name("flags.toml")

FlagGrade = Literal["grave", "doubt", "note"]
"""`grave`: honest submissions do not raise it. `doubt`: a figure may be another than it seems, as
happens to honest ones too. `note`: no figure is in doubt."""

FLAG_GRADES: tuple[FlagGrade, ...] = ("grave", "doubt", "note")
"""The gravest first."""

Subject = Literal["runtime", "quality", "complexity", "behaviour", "origin"]

_Sentence = Annotated[str, Field(pattern=r"^[^\n|<>]+\.$")]
"""Fit for a cell of a table."""


@validated(frozen=True, config=STRICT)
class FlagMeaning:
    """What an organizer has to know of a flag; table `[[flag]]`."""

    name: Annotated[str, Field(pattern="^[a-z]+(_[a-z]+)*$")]
    subject: Subject
    """What it is about."""
    grade: FlagGrade
    meaning: _Sentence
    honest: _Sentence
    """When submissions that hide nothing raise it."""
    remedy: _Sentence
    """What to do about it."""


@validated(frozen=True, config=STRICT)
class _File:
    flag: tuple[FlagMeaning, ...]


@cache
def list_flag_meanings() -> Mapping[str, FlagMeaning]:
    """Read what every flag means, by its name, in the order of the page.

    Raises:
        UserError: the file cannot be read.
    """
    listed = check_tables(_File, read_tables(FLAGS, FLAGS.name), FLAGS.name).flag
    return {meaning.name: meaning for meaning in listed}


def grade_flags(flags: Iterable[Flag]) -> FlagGrade | None:
    """Find the gravest grade among the flags of a row; None without flags.

    A name that this version does not know is a doubt.
    """
    grades = {_grade(flag) for flag in flags}
    return next((grade for grade in FLAG_GRADES if grade in grades), None)


def explain_flag(name: str) -> str:
    """Say in a sentence what a flag means."""
    known = list_flag_meanings().get(name)
    return known.meaning if known else "A flag of another version, which this one does not know."


def _grade(flag: Flag) -> FlagGrade:
    known = list_flag_meanings().get(flag.name)
    return known.grade if known else "doubt"
