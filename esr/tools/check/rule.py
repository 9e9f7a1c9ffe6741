"""What a rule is, what it finds, and what the child says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from esr.base.errors import UserError, printable_line
from esr.measure.job import JobFailure, JobFolder
from esr.records.network_counts import Counts

T = TypeVar("T")

State = Literal["passed", "failed", "skipped"]


class Violation(Exception):
    """A rule is broken.

    Args:
        seen: what was seen, in one line.
        advice: what to do, where the rule's own advice does not fit what was seen.
    """

    def __init__(self, seen: str, advice: str = "") -> None:
        super().__init__(seen)
        self.advice = advice


class NotReached(Exception):
    """A rule cannot be tried, because an earlier one is broken."""


@dataclass(frozen=True)
class Rule(Generic[T]):
    """Something a submission must keep to, tried on a `T`."""

    name: str
    """Two words or three, as the list shows it."""
    check: Callable[[T], str]
    """Returns what is worth knowing, mostly nothing; raises `Violation` or whatever else."""
    advice: str
    """What to do where it is broken."""
    required: bool = True
    """False for what honest submissions break too: it is said, and decides nothing."""


@dataclass(frozen=True)
class Finding:
    """How one rule went."""

    name: str
    state: State
    detail: str
    """What was seen, in one line."""
    advice: str
    required: bool

    @property
    def fatal(self) -> bool:
        """Whether the submission must be corrected."""
        return self.required and self.state != "passed"


@dataclass(frozen=True)
class CheckAnswer:
    """How far the child has come, in a file that it writes again and again."""

    complete: bool = False
    """Whether it has come to its end."""
    failure: JobFailure | None = None
    """Why the network could not be imported, built or loaded."""
    findings: tuple[Finding, ...] = ()
    trying: str | None = None
    """The rule that is being tried: what is known of a child that was killed."""
    counts: Counts | None = None
    other_range: float | None = None
    """The data_range of a further SR image of the first LR image (`esr.audit.audit_passes`)."""


def answer_file(folder: JobFolder) -> Path:
    """Name the file."""
    return folder.path / "answer.json"


def try_rule(rule: Rule[T], subject: T) -> Finding:
    """Try a rule; one whose own code raises is broken by what it was tried on."""
    try:
        return make_finding(rule, "passed", rule.check(subject))
    except NotReached:
        return skip_rule(rule)
    except Violation as error:
        return make_finding(rule, "failed", str(error), error.advice)
    except Exception as error:  # The submission's own code runs: it may raise anything.
        return make_finding(rule, "failed", say_error(error))


def say_error(error: Exception) -> str:
    """Say what was raised; what this house raises has no need of a name."""
    is_ours = isinstance(error, Violation | UserError)
    return str(error) if is_ours else f"{type(error).__name__}: {error}"


def skip_rule(rule: Rule[T]) -> Finding:
    """Say that a rule was not tried."""
    return make_finding(rule, "skipped", "")


def make_finding(rule: Rule[T], state: State, detail: str, advice: str = "") -> Finding:
    """Say how a rule went; without an advice, with that of the rule."""
    said = printable_line(advice) or rule.advice
    return Finding(rule.name, state, printable_line(detail), said, rule.required)
