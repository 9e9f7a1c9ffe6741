"""Columns of runtimes with an interval: what ranks, warm, steady.

Of several processes each is the mean over them, while the official columns are of the first.
"""

from __future__ import annotations

from collections.abc import Callable

from esr.rank.figures import Quantity, steady_runtime, warm_runtime
from esr.rank.process_means import average_processes
from esr.rank.ranking import Ranking
from esr.records.results_folder import Row
from esr.report.cell import Column


def list_runtime_columns(ranking: Ranking) -> list[Column]:
    """List what ranks, and the runtimes of the warm network, each with the ends of its interval."""
    priority = 2 if ranking.choices.runtime == "robust" else 5
    several = has_several_processes(ranking)
    return [
        _make_ranked_column(ranking),
        Column("Runtime low [ms]", lambda s: _read_end(s.runtime, "low"), ".2f"),
        Column("Runtime high [ms]", lambda s: _read_end(s.runtime, "high"), ".2f"),
        *_list_one("Warm", _read_warm(ranking), ".2f", priority, several),
        *_list_one("Steady", _read_steady(ranking), ".3f", priority, several),
    ]


def has_several_processes(ranking: Ranking) -> bool:
    """Tell whether any row was measured in several processes."""
    records = (standing.row.record for standing in ranking.standings)
    return any(record.process_count > 1 for record in records if record)


def _make_ranked_column(ranking: Ranking) -> Column:
    """People see it where no other column shows what ranks."""
    return Column(
        "Ranked runtime [ms]",
        lambda standing: standing.runtime.value if standing.runtime else None,
        ".2f",
        priority=None if _is_shown_by_others(ranking) else 3,
        text=lambda standing: format_ends(standing.runtime),
    )


def _is_shown_by_others(ranking: Ranking) -> bool:
    """Tell whether one column shows what ranks every row: the official ones are of one process."""
    runtime = ranking.choices.runtime
    if runtime == "robust":
        rows = [standing.row for standing in ranking.standings if standing.row.record]
        return len({steady_runtime(row) is None for row in rows}) < 2
    return runtime in ("warm", "steady") or (
        runtime == "official" and not has_several_processes(ranking)
    )


def _read_warm(ranking: Ranking) -> Callable[[Row], Quantity | None]:
    """Read the mean over the processes where there are several, and else what the one says."""
    means = average_processes(ranking, "warm") if has_several_processes(ranking) else {}
    return lambda row: means.get(row.label) or warm_runtime(row)


def _read_steady(ranking: Ranking) -> Callable[[Row], Quantity | None]:
    means = average_processes(ranking, "steady") if has_several_processes(ranking) else {}
    return lambda row: means.get(row.label) or steady_runtime(row)


def _list_one(
    title: str,
    read: Callable[[Row], Quantity | None],
    form: str,
    priority: int,
    several_processes: bool,
) -> list[Column]:
    """A runtime of the warm network, and the ends of its interval."""
    # Over processes it is lopsided, and may be wider than the figure.
    say = format_ends if several_processes else format_interval
    return [
        Column(
            f"{title} Time [ms]",
            lambda s: runtime.value if (runtime := read(s.row)) else None,
            form,
            priority=priority,
            text=lambda standing: say(read(standing.row)),
        ),
        Column(f"{title} low [ms]", lambda s: _read_end(read(s.row), "low"), form),
        Column(f"{title} high [ms]", lambda s: _read_end(read(s.row), "high"), form),
    ]


def _read_end(runtime: Quantity | None, end: str) -> float | None:
    """An end of a runtime's interval; a single run has none."""
    if runtime is None or runtime.low == runtime.high:
        return None
    return float(getattr(runtime, end))


def format_ends(runtime: Quantity | None) -> str:
    """Say a runtime with its 95 % interval, which may be lopsided: `5.12 [5.01-5.30]`."""
    if runtime is None:
        return ""
    ends = "" if runtime.low == runtime.high else f" [{runtime.low:.2f}-{runtime.high:.2f}]"
    return f"{runtime.value:.2f}{ends}"


def format_interval(runtime: Quantity | None) -> str:
    """Say a runtime with half of its 95 % interval: `5.12 ±0.03`."""
    if runtime is None:
        return ""
    return f"{runtime.value:.2f} ±{(runtime.high - runtime.low) / 2:.2f}"
