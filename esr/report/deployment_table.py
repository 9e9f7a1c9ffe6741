"""The network in the ways of `--deploy`: a table beside the leaderboard.

Nothing here is an official figure, and nothing is ranked by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from esr.base.visible_text import one_line
from esr.rank.figures import Quantity
from esr.records.record import Deployment, Record
from esr.report.board import Board
from esr.report.cell import format_value
from esr.report.deployment_columns import speed_up
from esr.report.runtime_columns import format_interval

HEAD = (
    "Model",
    "Runtime",
    "Time [ms]",
    "Speed-up",
    "PSNR [dB]",
    "Levels",
    "Compiled anew",
    "Why not",
)
"""`Levels`: the largest difference from the scored SR images, in grey levels."""


@dataclass(frozen=True)
class DeploymentLine:
    """One way of one submission, as people read it."""

    cells: tuple[str, ...]
    """In the order of `HEAD`."""
    is_first: bool
    """Whether it is the first of its submission."""


def list_deployments(board: Board) -> list[DeploymentLine]:
    """List every way of every submission, the network as it is first."""
    return [
        DeploymentLine((line.name, *_say(record, deployment)), number == 0)
        for line in board.lines
        if (record := line.standing.row.record) is not None
        for number, deployment in enumerate(record.deployments)
    ]


def _say(record: Record, deployment: Deployment) -> tuple[str, ...]:
    steady, faster = deployment.steady, speed_up(record, deployment)
    time = Quantity(steady.mean_ms, steady.low_ms, steady.high_ms) if steady else None
    return (
        one_line(deployment.name),
        format_interval(time),
        format_value(faster, ".2f"),
        format_value(deployment.psnr_db, ".2f"),
        format_value(deployment.difference, "d"),
        format_value(deployment.recompilations, "d"),
        one_line(deployment.problem or ""),
    )


def lay_out_deployments(lines: Sequence[DeploymentLine]) -> Table:
    """Lay out the table for a terminal."""
    table = Table(
        title=Text("Deployment runtimes, not official"),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    texts = ("Model", "Runtime", "Why not")
    for title in HEAD:
        table.add_column(
            Text(title.replace(" [", "\n[")),
            justify="left" if title in texts else "right",
            overflow="fold",
        )
    for line in lines:
        label, *rest = line.cells
        table.add_row(*map(Text, (label if line.is_first else "", *rest)))
    return table
