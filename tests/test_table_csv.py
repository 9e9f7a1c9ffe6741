"""leaderboard.csv, read back by pandas: every figure unrounded, text harmless and recoverable."""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path

import boards
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.challenge.protocol import protocols
from esr.rank.figures import read_rows
from esr.report.board import Board, build_board
from esr.report.csv_table import choose_all, escape_csv, render_csv

EXACT = {} if pd.__version__ >= "3" else {"float_precision": "round_trip"}

KEYS = {
    "Val PSNR": "valid_ave_psnr",
    "Test PSNR": "test_ave_psnr",
    "Val Time [ms]": "valid_ave_runtime",
    "Test Time [ms]": "test_ave_runtime",
    "Params [M]": "num_parameters",
    "FLOPs [G]": "flops",
    "Acts [M]": "activations",
    "Mem [M]": "valid_memory",
    "Conv": "num_conv",
}


def _read(text: str, **options) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), **EXACT, **options)


def _undone(cell: str) -> str:
    """Undo what the top of esr/report/csv_table.py describes, by its words."""
    text = re.sub(r"(^|(?<=;))'", "", cell)
    escape = r"\\(\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
    return re.sub(escape, lambda found: ast.literal_eval(f"'{found[0]}'"), text)


@pytest.mark.parametrize("year", ["2024", "2026_head"])
def test_pandas_gives_every_official_figure_back_unrounded(shared: Path, year: str) -> None:
    file = shared / "reference" / f"official_results_{year}.json"
    official = json.loads(file.read_text())
    protocol = protocols()[f"ntire{year[:4]}"]
    frame = _read(render_csv(build_board(read_rows(official), protocol)))
    assert list(frame.columns[:11]) == ["Model", *list(KEYS)[:4], "Ave Time [ms]", *list(KEYS)[4:]]
    assert set(frame["Model"]) == set(official)
    for _, row in frame.iterrows():
        for title, key in KEYS.items():
            assert row[title] == official[row["Model"]][key], (row["Model"], title)
    assert frame["Conv"].dtype.kind == "i"


def test_pandas_gives_every_value_of_records_back() -> None:
    made = boards.varied()
    frame = _read(render_csv(made, choose_all))
    for position, column in enumerate(made.columns):
        for line, cell in zip(made.lines, frame.iloc[:, position], strict=True):
            value = line.values[position]
            # A checksum of nothing but digits is read as a number.
            cell = str(cell) if isinstance(value, str) else cell
            same = pd.isna(cell) if value is None else cell == value
            assert same, (column.title, value, cell)


def test_an_integer_beside_an_unknown_one_stays_one() -> None:
    frame = _read(render_csv(boards.varied()), dtype=str)
    assert frame["Conv"].dropna().unique().tolist() == ["20"]
    assert frame["Params"].dropna().str.fullmatch(r"\d+").all()
    assert frame.set_index("Model").loc["40_Broken", "Val PSNR":"Conv"].isna().all()


def _texts(made: Board, frame: pd.DataFrame):
    for position in range(len(made.columns)):
        for line, cell in zip(made.lines, frame.iloc[:, position], strict=True):
            value = line.values[position]
            if isinstance(value, str):
                yield value, cell


def test_hostile_text_comes_back_after_undoing_and_starts_no_formula() -> None:
    made = boards.hostile()
    text = render_csv(made, choose_all)
    frame = _read(text, dtype=str, keep_default_na=False)
    assert len(frame) == len(text.splitlines()) - 1 == len(boards.HOSTILE)
    seen = set()
    for value, cell in _texts(made, frame):
        assert _undone(cell) == value
        assert not re.match(r"\s*[=+\-@]", cell)
        assert not re.search(r";\s*[=+\-@]", cell)
        assert cell.isprintable()
        seen.add(value)
    assert seen >= set(boards.HOSTILE)


def test_negative_numbers_stay_numbers() -> None:
    frame = _read(render_csv(boards.varied()))
    assert frame["Val gate margin [dB]"].min() < 0


def test_text_where_a_figure_belongs_is_an_unknown_figure(shared: Path) -> None:
    file = shared / "reference" / "official_results_2026_head.json"
    official = json.loads(file.read_text())
    official["01_PDS"]["num_conv"] = "=cmd()"
    official["04_ZenoSR"]["num_conv"] = [1, 2]
    official["06_HAESR"]["num_conv"] = True
    frame = _read(render_csv(build_board(read_rows(official), protocols()["ntire2026"])), dtype=str)
    conv = frame.set_index("Model")["Conv"]
    assert conv[["01_PDS", "04_ZenoSR", "06_HAESR"]].isna().all()
    assert conv["00_SPAN"] == "22"


@settings(deadline=None, max_examples=300)
@given(st.text() | st.text(alphabet="=+-@';, \t\r\n\\x1b\u202ea\"", max_size=12))
def test_any_text_comes_back_and_is_printable(text: str) -> None:
    written = escape_csv(text)
    assert _undone(written) == text
    assert written.isprintable()
    assert not re.match(r"\s*[=+\-@\t\r]", written)


@given(st.from_regex(r"[A-Za-z0-9_ .()]+", fullmatch=True))
def test_an_ordinary_name_is_not_changed(text: str) -> None:
    assert escape_csv(text) == text
