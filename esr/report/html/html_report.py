"""`report.html`: the leaderboard as one page that needs no network.

Jinja2 escapes every text, Plotly draws (see `charts`), DataTables sorts and filters (see
`page_assets`). A content security policy forbids the page to load anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from esr.audit.flag_meanings import explain_flag
from esr.base.visible_text import name, one_line
from esr.rank.entrants import PUBLISHED
from esr.rank.ranking import Ranking
from esr.rank.runtimes import RUNTIMES
from esr.report.board import Board
from esr.report.csv_table import render_csv
from esr.report.deployment_table import HEAD as DEPLOYMENT_HEAD
from esr.report.deployment_table import list_deployments
from esr.report.html.charts import (
    describe_images,
    describe_scatter,
    draw_charts,
    list_undrawn,
)
from esr.report.html.flag_legend import list_explained_flags, say_plainly
from esr.report.html.html_table import (
    HIDDEN_AT_FIRST,
    SECTIONS,
    choose_columns,
    make_sort_key,
    write_exact,
)
from esr.report.html.page_assets import (
    TEMPLATES,
    pack_asset,
    pack_json,
    read_program,
    read_template,
    write_policy,
)
from esr.report.html.page_title import PageTitle
from esr.report.html.pictures import Album, encode_album, make_album
from esr.report.html.same_crops import choose_crops, lay_out_crops, list_files
from esr.report.html.submission_parts import describe_submission, list_detail_files
from esr.report.latex_table import render_latex
from esr.report.layer_table import HEAD as LAYER_HEAD
from esr.report.markdown_table import render_markdown
from esr.report.winners import find_winners

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


PAGE_AT_MOST = 2_950_000
"""Bytes that pictures may fill a page up to."""

_PACKED = "<!-- data -->"
"""Stands for the packed data; text of strangers is escaped and cannot say it."""


def render_html(board: Board, results: Path, page_title: PageTitle | None = None) -> str:
    """Lay out the page.

    Args:
        board: the leaderboard.
        results: folder of the records, whose `crops/` are embedded and whose `logs/` are quoted.
        page_title: what it is called.

    Raises:
        UserError: a library that the page is made with is not installed.
    """
    groups = choose_crops(board)
    album = make_album(list_files(groups, results), list_detail_files(board, results))
    submissions = [
        describe_submission(line, number, board, results, album)
        for number, line in enumerate(board.lines)
    ]
    data: dict[str, object] = {
        "scatter": describe_scatter(board),
        "images": describe_images(board),
        "figures": draw_charts(board),
        "facts": [submission.facts for submission in submissions],
        "texts": {
            "csv": render_csv(board),
            "markdown": render_markdown(board),
            "latex": render_latex(board),
        },
    }
    program, explained = read_program(), list_explained_flags(board)
    page = (
        _make_environment()
        .get_template("report.html.j2")
        .render(
            board=board,
            protocol=board.ranking.protocol,
            page_title=page_title or PageTitle(),
            head=_describe_head(board.ranking),
            sections=list(SECTIONS.values()),
            indices=choose_columns(board),
            submissions=submissions,
            deployments=list_deployments(board),
            deployment_head=DEPLOYMENT_HEAD,
            layer_head=LAYER_HEAD,
            explained_flags=explained,
            explained_names={flag.name for flag in explained},
            data=data,
            crops=lay_out_crops(groups, results, album),
            undrawn=list(list_undrawn(board)),
            estimators=board.estimators,
            packed=_PACKED,
            plotly=pack_asset("plotly", "package_data", "plotly.min.js"),
            datatables=pack_asset("itables", "html", "dt_bundle.js"),
            datatables_css=pack_asset("itables", "html", "dt_bundle.css"),
            program=program,
            policy=write_policy([program]),
            styles=read_template("report.css"),
        )
    )
    return _add_data(page, data, album)


def _add_data(page: str, data: dict[str, object], album: Album) -> str:
    """Add what the page draws from, the pictures as good as there is room for."""
    room = PAGE_AT_MOST - len(page.encode()) - len(pack_json(data))
    pictures = encode_album(album, room)
    packed = pack_json(data | {"pictures": pictures.sources, "quality": pictures.quality})
    return page.replace(_PACKED, packed, 1)


def _make_environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "one_line": one_line,
        "exact": write_exact,
        "sort_key": make_sort_key,
        "breakable": _break_between_words,
        "meaning": lambda flag: say_plainly(explain_flag(flag)),
    }
    environment.globals["hidden_at_first"] = HIDDEN_AT_FIRST
    return environment


def _write_kicker(scales: Sequence[int]) -> str:
    shown = " and ".join(f"\N{MULTIPLICATION SIGN}{scale}" for scale in scales if scale > 1)
    return f"Leaderboard, {shown}" if shown else "Leaderboard"


def _break_between_words(text: str) -> Markup:
    """Let a name be broken after `_` and `-`, and nowhere within a word."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_-])(?=[^_-])", text))


def _describe_head(ranking: Ranking) -> dict[str, object]:
    """Say what the page is about; what does not apply to these rows is None."""
    protocol, standings = ranking.protocol, ranking.standings
    records = [standing.row.record for standing in standings]
    dates = sorted(one_line(record.provenance.date) for record in records if record)
    sections = [standing.section for standing in standings]
    gate = protocol.gate
    is_judged = any(standing.gate.passed is not None for standing in standings)
    is_timed = any("ave_time_ms" in track.terms for track in protocol.tracks)
    return {
        "kicker": _write_kicker(protocol.scales),
        "baseline": _name_baseline(ranking) if protocol.baseline else None,
        "gate": f"{gate.val_psnr_db:.2f} / {gate.test_psnr_db:.2f} dB"
        if gate and is_judged
        else None,
        "runtime": RUNTIMES[ranking.choices.runtime].words
        if is_timed and len(standings) > 1
        else None,
        "dates": dates,
        "devices": list(dict.fromkeys(name(r.machine.device_name) for r in records if r)),
        "sets": list(dict.fromkeys(name(s.dataset) for r in records if r for s in r.splits)),
        "counts": {
            "submissions": len(standings),
            "ranked": sum(standing.placings[0].rank is not None for standing in standings),
            "not ranked": sections.count("unranked"),
            "failed": sections.count("failed"),
        },
        "winners": find_winners(ranking),
    }


def _name_baseline(ranking: Ranking) -> str:
    if ranking.baseline is None:
        return "none among the rows"
    if ranking.baseline == PUBLISHED and ranking.protocol.baseline is not None:
        return f"{ranking.protocol.baseline.name}, as published"
    names = {standing.row.label: standing.row.name for standing in ranking.standings}
    return name(names.get(ranking.baseline, ranking.baseline))
