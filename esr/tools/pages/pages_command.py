"""`python -m esr pages factsheets|model_zoo`: write docs/factsheets.md and model_zoo/README.md.

    python -m esr pages factsheets --data_dir ../shared/data \
        --checkpoint_dir ../shared/networks/checkpoints
    python -m esr pages model_zoo [the same two, to measure; --model_id ID ...]

Measuring needs Set5, Set14, B100 and Urban100, and the authors' checkpoints. Without them
`model_zoo` writes its page anew from what was measured before (`model_zoo/records.json`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from esr.base import json_file
from esr.base.command import Parser, ended
from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.tools.pages.factsheets_page import factsheets_page
from esr.tools.pages.zoo_page import zoo_page
from esr.tools.pages.zoo_quality import ZOO, load_records, update_records


def main(arguments: Sequence[str]) -> int:
    """Measure if asked to, and write a page."""
    return ended(lambda: _run(_parser().parse_args(list(arguments))))


def _parser() -> Parser:
    parser = Parser("python -m esr pages", description=__doc__.split("\n")[0])
    pages = parser.add_subparsers(dest="page", required=True, metavar="PAGE")
    for name, is_needed in (("factsheets", True), ("model_zoo", False)):
        page = pages.add_parser(name)
        text = "folder of Set5, Set14, B100 and Urban100"
        page.add_argument("--data_dir", type=Path, required=is_needed, help=text)
        text = "folder of the authors' checkpoints"
        page.add_argument("--checkpoint_dir", type=Path, required=is_needed, help=text)
    page.add_argument("--model_id", type=int, nargs="+", help="measure these only")
    return parser


def _run(given: argparse.Namespace) -> None:
    if given.page == "factsheets":
        page = factsheets_page(given.data_dir, given.checkpoint_dir)
        json_file.write_text(ROOT / "docs" / "factsheets.md", page)
        return
    if given.data_dir and given.checkpoint_dir:
        update_records(given.data_dir, given.checkpoint_dir, given.model_id)
    elif given.data_dir or given.checkpoint_dir or given.model_id:
        raise UserError(
            "measuring needs both --data_dir and --checkpoint_dir", where="command line"
        )
    json_file.write_text(ZOO / "README.md", zoo_page(load_records()))
