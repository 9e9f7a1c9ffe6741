"""What `esr.tools.upload_scoring.score_zip` prints."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from esr.base.console import stdout
from esr.base.visible_text import one_line
from esr.evaluate.upload.upload_format import Readme
from esr.images.metrics import METRICS
from esr.tools.upload_scoring.score_upload import ArchiveScore


def print_scores(score: ArchiveScore, per_image: bool) -> None:
    """Print the means, each image's scores before them if asked, and what readme.txt says."""
    console = stdout()
    console.print(_table(score, per_image))
    for line in _remarks(score.readme):
        console.print(Text(one_line(line)), soft_wrap=True)


def _table(score: ArchiveScore, per_image: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Image", overflow="fold")
    for name in score.means:
        unit = METRICS[name].unit
        title = f"{name.upper()} [{unit}]" if unit else name.upper()
        table.add_column(Text(title), justify="right", no_wrap=True)
    for image in score.images if per_image else ():
        table.add_row(Text(one_line(image.name)), *_cells(image.scores))
    if per_image:
        table.add_section()
    mean = f"mean of {len(score.images)}, {one_line(score.dataset)} ({one_line(score.role)})"
    table.add_row(Text(mean), *_cells(score.means))
    return table


def _cells(scores: dict[str, float]) -> list[str]:
    return [f"{value:.{METRICS[name].decimals}f}" for name, value in scores.items()]


def _remarks(readme: Readme | None) -> Iterator[str]:
    if readme is None:
        yield "readme.txt is missing: the server of the challenge asks for one"
        return
    runtime, unknown = readme.runtime_s, "not stated"
    yield "readme.txt, not verified:"
    yield f"  runtime per image: {unknown if runtime is None else f'{runtime:.4g} s'}"
    yield f"  device: {_either(readme.on_cpu, 'CPU', 'GPU')}"
    yield f"  extra data: {_either(readme.extra_data, 'yes', 'no')}"
    yield f"  description: {readme.description or unknown}"


def _either(value: bool | None, if_true: str, if_false: str) -> str:
    return "not stated" if value is None else if_true if value else if_false
