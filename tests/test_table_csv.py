"""leaderboard.csv, read back by pandas: every figure unrounded, text harmless and recoverable."""

from __future__ import annotations

import ast
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import boards
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.challenge.protocol import protocols
from esr.rank.figures import read_rows
from esr.report.board import Board, build_board
from esr.report.csv_table import choose_all, escape_csv, render_csv, write_csv
from esr.report.long_csv_table import render_long_csv

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


OFFICIAL = ["Model", *list(KEYS)[:4], "Ave Time [ms]", *list(KEYS)[4:]]


@pytest.mark.parametrize("roles", [("valid",), ("valid", "test")])
def test_columns_that_no_row_fills_are_left_out_but_the_official_ones(roles: tuple) -> None:
    record = boards.record(1, "One", 5.0, 27.02)
    splits = tuple(split for split in record.splits if split.role in roles)
    board = build_board([boards.row(replace(record, splits=splits))], protocols()["ntire2026"])
    frame, whole = _read(render_csv(board)), _read(render_csv(board, choose_all))
    assert list(frame.columns[:11]) == list(whole.columns[:11]) == OFFICIAL
    # What is left out, and nothing else, is empty in every row.
    left_out = whole.columns.difference(frame.columns)
    assert whole[left_out].isna().all(axis=None)
    assert frame.iloc[:, 11:].notna().any().all()
    assert {"Failed stage", "Input FPS", "Val SSIM"} <= set(left_out)
    assert {"Params", "Device", "Val set"} <= set(frame.columns)
    assert ("Test set" in frame.columns) == ("test" in roles)


def test_one_row_that_fills_a_column_keeps_it() -> None:
    rows = [boards.row(boards.record(1, "One", 5.0, 27.02)), boards.failed("02_Two", "broken")]
    frame = _read(render_csv(build_board(rows, protocols()["ntire2026"])))
    assert frame.set_index("Model")["Reason"].to_dict() == {
        "01_One": pytest.approx(float("nan"), nan_ok=True),
        "02_Two": "broken",
    }


def test_the_long_twin_holds_every_value_of_every_image() -> None:
    record = boards.record(1, "One", 5.0, 27.02)
    images = [
        replace(image, scores={"psnr": float("inf"), "ssim": 0.75})
        for image in record.splits[0].images
    ]
    first, valid = images[0], replace(record.splits[0], images=tuple(images))
    record = replace(record, splits=(valid, record.splits[1]))
    rows = [boards.row(record), boards.failed("02_Two", "broken")]
    frame = _read(render_long_csv(build_board(rows, protocols()["ntire2026"])))
    assert list(frame.columns) == ["Model", "Set", "Image", "Metric", "Value"]
    # 2 sets of 3 images with PSNR and runtime, and SSIM on one: 2 * 3 * 2 + 3 = 15.
    assert len(frame) == 15
    values = frame.set_index(["Model", "Set", "Image", "Metric"])["Value"]
    assert values.index.is_unique
    place = ("01_One", "DIV2K_LSDIR_valid", first.name)
    assert values[(*place, "psnr")] == float("inf")
    assert values[(*place, "ssim")] == 0.75
    assert values[(*place, "runtime")] == first.runtime_ms
    # The means of the wide file, in image order.
    test = frame.query("Set == 'DIV2K_LSDIR_test' and Metric == 'psnr'")["Value"]
    assert sum(test) / 3 == record.splits[1].score("psnr")


def test_the_long_twin_of_an_official_file_numbers_its_images(shared: Path) -> None:
    file = shared / "reference" / "official_results_2024.json"
    official = json.loads(file.read_text())
    (label,) = official
    board = build_board(read_rows(official), protocols()["ntire2024"])
    frame = _read(render_long_csv(board))
    assert set(frame["Set"]) == {"valid", "test"}
    for role, metric in (("valid", "psnr"), ("test", "runtime")):
        values = frame.query(f"Set == '{role}' and Metric == '{metric}'")
        assert list(values["Value"]) == official[label][f"{role}_{metric}"]
        assert list(values["Image"]) == list(range(1, len(values) + 1))


def test_hostile_names_are_harmless_in_the_long_twin() -> None:
    made = boards.hostile()
    frame = _read(render_long_csv(made), dtype=str, keep_default_na=False)
    labels = [line.standing.row.label for line in made.lines if line.standing.row.record]
    assert list(dict.fromkeys(map(_undone, frame["Model"]))) == labels
    assert not frame["Model"].str.match(r"\s*[=+\-@]").any()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(),
            st.integers(-(10**30), 10**30) | st.none(),
            st.text(st.characters(codec="utf-8")) | st.none(),
        ),
        max_size=5,
    )
)
def test_cells_are_written_as_pandas_writes_them(rows: list) -> None:
    """Every digit, unknown as an empty cell, quotes only where they are needed (pandas)."""
    cells = [
        [escape_csv(value) if isinstance(value, str) else value for value in row] for row in rows
    ]
    frame = pd.DataFrame(cells, columns=["a", "b", "c"], dtype=object)
    expected = frame.to_csv(index=False, lineterminator="\n")
    assert write_csv(["a", "b", "c"], rows) == expected
