"""`report.html`: the leaderboard as one page that needs no network.

Jinja2 escapes every text, Plotly draws (see `charts`), DataTables sorts and filters;
its JavaScript comes with the itables package, as the only one on PyPI that ships it whole.
A content security policy forbids the page to load anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from esr.base.errors import UserError
from esr.base.visible_text import name, one_line
from esr.rank.entrants import PUBLISHED
from esr.rank.ranking import Ranking
from esr.rank.runtimes import RUNTIMES
from esr.report.board import Board
from esr.report.deployment_table import HEAD as DEPLOYMENT_HEAD
from esr.report.deployment_table import list_deployments
from esr.report.html.charts import draw_charts, list_undrawn
from esr.report.html.html_table import (
    HIDDEN_AT_FIRST,
    SECTIONS,
    choose_columns,
    make_sort_key,
    write_exact,
)
from esr.report.html.submission_parts import describe_submission
from esr.report.winners import find_winners

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(board: Board, results: Path) -> str:
    """Lay out the page.

    Args:
        board: the leaderboard.
        results: folder of the records, whose `crops/` are embedded.

    Raises:
        UserError: a library that the page is made with is not installed.
    """
    scripts = _read_scripts()
    return (
        _make_environment()
        .get_template("report.html.j2")
        .render(
            board=board,
            protocol=board.ranking.protocol,
            head=_describe_head(board.ranking),
            sections=list(SECTIONS.values()),
            indices=choose_columns(board),
            submissions=[
                describe_submission(line, number, board, results)
                for number, line in enumerate(board.lines)
            ],
            deployments=list_deployments(board),
            deployment_head=DEPLOYMENT_HEAD,
            figures=draw_charts(board),
            undrawn=list(list_undrawn(board)),
            estimators=board.estimators,
            scripts=scripts,
            policy=_write_policy(scripts),
            datatables_css=_read_asset("itables", "html", "dt_bundle.css"),
            styles=_read_template("report.css"),
        )
    )


def _read_scripts() -> dict[str, str]:
    """Read the page's programs; an import map lets a page on a disk import a module."""
    bundle = _read_asset("itables", "html", "dt_bundle.js")
    source = f"data:text/javascript;base64,{base64.b64encode(bundle.encode()).decode()}"
    plotly = _read_asset("plotly", "package_data", "plotly.min.js")
    return {
        # Within a JavaScript string, where alone it can stand, this is the same text.
        "plotly": plotly.replace("</script", "<\\/script"),
        "import_map": json.dumps({"imports": {"datatables": source}}),
        "page": _read_template("report.js"),
    }


def _write_policy(scripts: Mapping[str, str]) -> str:
    """Allow these programs and no other, and nothing from a network."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts.values())
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src data: {hashes}; style-src 'unsafe-inline';"
        " img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _read_template(file: str) -> str:
    return (_TEMPLATES / file).read_text(encoding="utf-8")


def _make_environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"one_line": one_line, "exact": write_exact, "sort_key": make_sort_key}
    environment.globals["hidden_at_first"] = HIDDEN_AT_FIRST
    return environment


def _read_asset(package: str, *parts: str) -> str:
    """Read a file of a package without importing the package, which would cost more."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], *parts) if folders else None
    if path is None or not path.exists():
        raise UserError(
            f"report.html cannot be made: {package} is not installed, or too old",
            remedy="pip install -r requirements.txt",
        )
    return path.read_text(encoding="utf-8")


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
        "baseline": _name_baseline(ranking) if protocol.baseline else None,
        "gate": f"{gate.val_psnr_db:.2f} / {gate.test_psnr_db:.2f} dB"
        if gate and is_judged
        else None,
        "runtime": RUNTIMES[ranking.choices.runtime].words
        if is_timed and len(standings) > 1
        else None,
        "dates": dates,
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
