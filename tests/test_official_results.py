"""results.json and results.txt against the published files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from esr.records.official_results import results_table


def test_the_published_table_of_2024_is_rebuilt_byte_for_byte(shared: Path) -> None:
    results = json.loads((shared / "reference" / "official_results_2024.json").read_text())
    published = (shared / "reference" / "official_results_2024.txt").read_bytes()
    assert results_table(results).encode() == published


def test_every_model_of_2026_has_a_line_with_its_name_as_it_is(shared: Path) -> None:
    results = json.loads((shared / "reference" / "official_results_2026_head.json").read_text())
    head, *lines = results_table(results).splitlines()
    assert head.split("\t")[0].rstrip() == "Model"
    assert [line.split("\t")[0].rstrip() for line in lines] == [name.rstrip() for name in results]


def test_without_a_test_set_its_columns_are_left_out() -> None:
    head = results_table({"00_A": {"valid_ave_psnr": 26.0}}).splitlines()[0]
    titles = [title.strip() for title in head.split("\t")]
    assert titles == [
        "Model",
        "Val PSNR",
        "Val Time [ms]",
        "Params [M]",
        "FLOPs [G]",
        "Acts [M]",
        "Mem [M]",
        "Conv",
    ]


def test_a_model_without_a_test_set_has_blank_cells_beside_one_with() -> None:
    both = {"valid_ave_psnr": 26.0, "test_ave_psnr": 27.0}
    lines = results_table({"00_A": both, "01_B": {"valid_ave_psnr": 25.0}}).splitlines()
    assert [cell.strip() for cell in lines[2].split("\t")] == ["01_B", "25.00", *[""] * 9]
    assert {len(line.expandtabs()) for line in lines} == {len(lines[0].expandtabs())}


def test_the_hybrid_test_of_2023_stands_in_the_validation_columns() -> None:
    line = results_table(
        {"00_A": {"hybrid_test_ave_psnr": 27.1, "hybrid_test_memory": 512.0}}
    ).splitlines()[1]
    cells = [cell.strip() for cell in line.split("\t")]
    assert (cells[1], cells[6]) == ("27.10", "512.00")


@pytest.mark.parametrize("junk", ["a\nb", 10**400, [1], {}, True])
def test_junk_and_line_breaks_never_make_a_second_row(junk: object) -> None:
    results = {
        "01_A\nB\tC": {"valid_ave_psnr": junk, "valid_ave_runtime": 10**400, "num_conv": junk}
    }
    lines = results_table(
        {**results, "02_B": {"test_ave_psnr": 1.0, "test_ave_runtime": 10**400}}
    ).splitlines()
    assert [line.split("\t")[0].rstrip() for line in lines] == ["Model", "01_A\\nB\\tC", "02_B"]
    assert {line.count("\t") for line in lines} == {10}
