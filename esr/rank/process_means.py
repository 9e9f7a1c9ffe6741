"""A runtime over all processes of each row, for who was measured in several.

The interval is what ranks are judged by: the bootstrap of `esr.rank.runtime_draws`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esr.rank.drawn_field import interval_of
from esr.rank.figures import Quantity, has_test
from esr.rank.ranking import Ranking
from esr.rank.runtime_draws import draw_runtimes
from esr.rank.runtimes import RUNTIMES, Process, read_processes
from esr.records.results_folder import Row


def average_processes(ranking: Ranking, name: str) -> dict[str, Quantity]:
    """Average a runtime over the processes of every row that has it, test set included.

    Args:
        ranking: of the rows. Noise between processes is estimated from those that are ranked, as
            for their places, and of the others from everybody.
        name: of one of `RUNTIMES`.

    Returns:
        the mean over processes with its 95 % interval, by label; nothing if nobody was measured in
        several processes
    """
    runtime = RUNTIMES[name]
    counting = [s.row for s in ranking.standings if s.section == "ranked"]
    processes = _read([standing.row for standing in ranking.standings], name)
    ranked = {row.label: processes[row.label] for row in counting if row.label in processes}
    drawn = dict(draw_runtimes(ranked, runtime, ranking.choices.seed))
    if processes.keys() - ranked.keys():
        drawn = {**draw_runtimes(processes, runtime, ranking.choices.seed), **drawn}
    return {
        label: interval_of(
            drawn[label],
            float(np.mean([runtime.figure_ms(process) for process in processes[label]])),
        )
        for label in drawn
    }


def _read(rows: Sequence[Row], name: str) -> dict[str, Sequence[Process]]:
    runtime = RUNTIMES[name]
    found = {row.label: read_processes(row, runtime, has_test(row)) for row in rows if row.record}
    return {label: processes for label, processes in found.items() if processes}
