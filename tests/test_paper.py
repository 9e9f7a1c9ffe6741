"""`python -m esr paper`: the comparison of a paper."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from harness import PATIENCE_S
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexWalker
from synthetic import synthetic_record, synthetic_split

from esr.base import json_file
from esr.records.record import Failure, Record
from esr.records.split_result import SplitResult
from esr.tools.paper_command import main

SAME, OTHER = "a" * 64, "b" * 64


def _split(dataset: str, psnr: float, ssim: float, files: str | None = SAME) -> SplitResult:
    split = synthetic_split("valid", 2, 5.0)
    images = tuple(
        replace(image, scores={"psnr": 1.0, "psnr_y": psnr + off, "ssim_y": ssim})
        for image, off in zip(split.images, (-1, 1), strict=True)
    )
    return replace(split, role=dataset, dataset=dataset, images=images, data_sha256=files)


def _record(number: int, name: str, scale: int, *splits: SplitResult) -> Record:
    record = synthetic_record(number, name, splits, params=1000 * number)
    return replace(record, sidecar=replace(record.sidecar, scale=scale))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    records = (
        _record(300, "A_1", 4, _split("Set5", 32.10, 0.8941), _split("Set14", 28.5, 0.78)),
        _record(200, "B", 4, _split("Set5", 32.20, 0.8930), _split("Set14", 28.4, 0.77)),
        # The best figure, on other files of Set5.
        _record(400, "C", 4, _split("Set5", 35.00, 0.9500, OTHER)),
        _record(100, "D&%", 2, _split("Set5", 38.00, 0.9600)),
        _record(500, "Old", 4, _split("Set5", 36.00, 0.9600, None)),
    )
    for record in records:
        json_file.dump(record, tmp_path / "records" / f"{record.label}.json")
    return tmp_path


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))]


def test_the_best_are_marked_among_rows_of_the_same_files(results: Path) -> None:
    # A set that is typed twice, in whatever case, is one.
    assert main([str(results), "--sets", "set5", "Set14", "SET5"]) == 0
    text = (results / "paper.tex").read_text()
    rows = {_cells(line)[0]: _cells(line) for line in text.splitlines() if r"$\times$" in line}
    assert list(rows) == [r"D\&\%", "B", r"A\_1", "C", "Old"]  # By scale, then by parameters.
    assert rows["B"][1:4] == [r"$\times$4", "0.200", "13.00"]  # 200 000 x 65 000.
    assert rows["B"][4:] == [
        r"\textbf{32.20} / \underline{0.8930}",
        r"\underline{28.40} / \underline{0.7700}",
    ]
    assert rows[r"A\_1"][4:] == [
        r"\underline{32.10} / \textbf{0.8941}",
        r"\textbf{28.50} / \textbf{0.7800}",
    ]
    assert rows["C"][4:] == [r"35.00$^\dagger$ / 0.9500$^\dagger$", "-- / --"]
    assert rows["Old"][4] == r"36.00$^\dagger$ / 0.9600$^\dagger$"
    assert rows[r"D\&\%"][4] == "38.00 / 0.9600"  # Alone at its scale.
    assert text.count(r"\midrule") == 2
    markdown = (results / "paper.md").read_text()
    assert "**32.20** / <u>0.8930</u>" in markdown
    assert "other files" in markdown


def test_csv_has_every_digit_and_unknown_is_empty(results: Path) -> None:
    assert main([str(results)]) == 0
    rows = list(csv.DictReader((results / "paper.csv").read_text().splitlines()))
    by_name = {row["Method"]: row for row in rows}
    assert float(by_name["B"]["Set5 PSNR_Y"]) == pytest.approx(32.2, abs=1e-12)
    assert by_name["C"]["Set14 SSIM_Y"] == ""
    assert by_name["B"]["Params [M]"] == "0.2"
    others = {
        name: (row["Set5 other files"], row["Set14 other files"]) for name, row in by_name.items()
    }
    assert others["B"] == others["A_1"] == others["D&%"] == ("", "")
    assert others["C"] == others["Old"] == ("yes", "")


def test_only_the_id_is_left_out_of_a_name_and_not_where_rows_need_it(tmp_path: Path) -> None:
    set5 = _split("Set5", 32.1, 0.89)
    own_label = replace(_record(16, "LKDN", 4, set5), label="LKDN_pil")
    numbered = replace(_record(16, "LKDN", 4, set5), label="4_blocks")
    records = (
        *(_record(7, "SPAN", 4, set5), _record(8, "SPAN", 4, set5), _record(9, "SPAN", 2, set5)),
        *(_record(2026, "RFDN", 4, set5), own_label, numbered),
    )
    for record in records:
        json_file.dump(record, tmp_path / "records" / f"{record.label}.json")
    assert main([str(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / "paper.csv").read_text().splitlines()))
    assert {(row["Method"], row["Scale"]) for row in rows} == {
        *(("07_SPAN", "4"), ("08_SPAN", "4"), ("SPAN", "2")),
        *(("RFDN", "4"), ("LKDN_pil", "4"), ("4_blocks", "4")),
    }


def test_multiply_adds_are_scaled_to_the_hr_image_that_is_asked_for(results: Path) -> None:
    assert main([str(results), "--hr_size", "1280x720"]) == 0
    text = (results / "paper.tex").read_text()
    flops = {c[0]: c[3] for line in text.splitlines() if len(c := _cells(line)) > 3}
    # LR is 320x180 at x4 and 640x360 at x2: 57600 and 230400 of 65536 pixels, 0.879 and 3.516.
    assert flops["B"] == "11.43"  # 13.00 x 57600 / 65536
    assert flops[r"D\&\%"] == "22.85"  # 6.50 x 230400 / 65536
    for file in ("paper.tex", "paper.md"):
        said = " ".join((results / file).read_text().replace("{-}", "-").split())
        assert "of an HR image of 1280x720, scaled by its area" in said
        assert "(x2: 3.516 times, x4: 0.8789 times)" in said
        assert "proportional to the area" in said
    assert "Multi-Adds of HR 1280x720 [G]" in (results / "paper.csv").read_text()


@pytest.mark.parametrize(
    "size", ["1280", "1280x0", "x720", "-1x720", "1280x720x3", "1e3x720", "9999999x1"]
)
def test_a_size_that_is_none_costs_one_line(
    size: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(results), f"--hr_size={size}"]) == 2
    assert f"'{size}' is no width and height" in capsys.readouterr().err
    assert not (results / "paper.tex").exists()


def test_it_is_latex(results: Path) -> None:
    assert main([str(results)]) == 0
    text = (results / "paper.tex").read_text()
    nodes, _, _ = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    environments = [node for node in nodes if isinstance(node, LatexEnvironmentNode)]
    assert [node.environmentname for node in environments] == ["table*"]
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    packages = "\\usepackage{booktabs}"
    (results / "main.tex").write_text(
        f"\\documentclass[twocolumn]{{article}}{packages}\\begin{{document}}\\input{{paper.tex}}\\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=results, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


@pytest.mark.parametrize(
    ("sets", "said"),
    [(["Set55"], "did you mean Set5"), (["Urban100"], "nothing was measured on 'Urban100'")],
)
def test_a_set_that_was_not_measured_costs_one_line(
    results: Path, sets: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(results), "--sets", *sets]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_results_without_the_metrics_say_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = synthetic_record(1, "A", (synthetic_split("valid", 2, 5.0),))
    json_file.dump(record, tmp_path / "records" / f"{record.label}.json")
    assert main([str(tmp_path)]) == 2
    assert "--metrics psnr_y ssim_y" in capsys.readouterr().err


def test_figures_of_before_a_failure_are_named(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = Failure("200_B", 200, "timeout", "took too long", "2026-11-22")
    json_file.dump(failure, results / "failures" / "200_B.json")
    assert main([str(results)]) == 0
    said = capsys.readouterr().out
    assert "200_B failed this time: its figures are of 2026-11-21T12:00:00Z\n" in said
    assert said.count("failed") == 1


def test_a_disqualified_row_is_left_out_and_named(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = "500_Old"
    assert main([str(results)]) == 0
    assert "Old" in (results / "paper.md").read_text()
    capsys.readouterr()
    (results / "disqualified.json").write_text(json.dumps({label: "knows HR"}))
    assert main([str(results)]) == 0
    assert f"{label} is left out: disqualified: knows HR\n" in capsys.readouterr().out
    assert "Old" not in (results / "paper.md").read_text()
