"""Many clones in one command: every submission has a row, and a clone of another year is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from clones import write_clone
from harness import Harness, write_pairs

from esr.base.errors import UserError
from esr.submissions.clone.clone_year import recognise_year
from esr.submissions.clone.many_clones import discover_clones, find_clones
from esr.submissions.submission import Broken

# As official scripts say it, by /work/shared/protocol.md: the name of logger, log and parser.
SAYS = (
    'utils_logger.logger_info("NTIRE{year}-EfficientSR", log_path="NTIRE{year}-EfficientSR.log")\n'
)


def write(path: Path, year: int | None = None) -> Path:
    write_clone(path)
    script = path / "test_demo.py"
    text = script.read_text()
    assert recognise_year(path) is None
    if year is not None:
        script.write_text(
            text.replace("def main(args):\n", f"def main(args):\n    {SAYS.format(year=year)}")
        )
    return path


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forks")
    write(folder / "team a", 2023)
    write(folder / "team_b", 2024)
    (folder / "broken").mkdir()
    (folder / "broken" / "test_demo.py").write_text("def select_model(\n")
    (folder / "notes").mkdir()
    return folder


def test_clones_in_a_folder_are_found_and_what_is_none_is_left_out(forks: Path) -> None:
    assert [clone.name for clone in find_clones([forks])] == ["broken", "team a", "team_b"]
    assert find_clones([forks / "team_b", forks, forks / "team_b"])[0].name == "team_b"
    assert len(find_clones([forks / "team_b", forks])) == 3
    with pytest.raises(UserError):
        discover_clones(find_clones([forks / "notes"]))


def test_labels_that_clones_share_name_their_clone(forks: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "team_b")
    entries = discover_clones([*find_clones([forks]), other])
    labels = [entry.label for entry in entries]
    assert len(set(labels)) == len(labels)
    assert [label for label in labels if label.startswith("00_")] == [
        *("00_Tiny_baseline@team_a", "00_Tiny_baseline@team_b", "00_Tiny_baseline@team_b~2"),
    ]
    (broken,) = [entry for entry in entries if entry.label == "broken"]
    assert isinstance(broken, Broken)
    assert "is no Python" in broken.reason
    # Alone, it is called as ever, and its own mistake ends the command.
    assert "00_Tiny_baseline" in [entry.label for entry in discover_clones([other])]
    with pytest.raises(UserError):
        discover_clones([forks / "broken"])


@pytest.mark.parametrize("year", [2022, 2023, 2024, 2025, 2026])
def test_the_year_is_what_the_script_calls_itself(tmp_path: Path, year: int) -> None:
    script = tmp_path / "test_demo.py"
    # A later year's script tells of earlier ones in passing.
    script.write_text(f"# used in NTIRE2021-EfficientSR\n{SAYS.format(year=year)}")
    assert recognise_year(tmp_path) == year
    script.write_text("# NTIRE2025-Dn50\n")
    assert recognise_year(tmp_path) is None


def test_many_are_measured_in_one_command(forks: Path, tmp_path: Path) -> None:
    harness = Harness(tmp_path / "harness")
    harness.count_at(32)
    write_pairs(harness.path / "data" / "demo")
    command = ("--submission", str(forks), "--device", "cpu", "--time_budget", "1")
    done = harness.run(*command, "--model_id", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(harness.rows()) == {"00_Tiny_baseline@team_a", "00_Tiny_baseline@team_b"}
    assert (
        "team a: of 2023, measured by the rules of ntire2026; --protocol ntire2023" in done.stdout
    )
    assert (
        "team_b: of 2024, measured by the rules of ntire2026; --protocol ntire2024" in done.stdout
    )

    # These pairs were made by leaving pixels out: whoever looks at the figures is told so.
    (lr,) = [line for line in done.stdout.splitlines() if "MATLAB's bicubic" in line]
    assert lr.startswith("LR of demo is not MATLAB's bicubic of HR, 2 of 2 images looked at: a.png")
    assert "compare nothing with published figures" in lr

    refused = harness.run(*command, "--model_id", "7", "--trust", "7")
    assert refused.returncode == 2
    assert "an id is of one clone" in refused.stderr
    listed = harness.run(*command[:2], "--list", "--protocol", "ntire2024")
    assert "of 2023" not in listed.stdout
    assert listed.stdout.count("00_Tiny_baseline@team_") == 2
