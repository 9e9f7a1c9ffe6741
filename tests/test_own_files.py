"""What a submission names as its own shows it nothing that is hidden, through the real command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import Harness, tiny, write_pairs

READS = """
import os, glob
from pathlib import Path
def read():
    for folder in {folders!r}:
        for file in glob.glob(folder + "/**/*", recursive=True):
            try:
                open(file, "rb").read(1)
            except OSError:
                continue
            if os.path.isfile(file):
                print("READ", file)
read()
"""


@pytest.fixture(scope="module", params=["--no_sandbox", "--sandbox"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("links") / "harness")
    demo = harness.path / "data" / "demo"
    write_pairs(demo)
    hr = next(iter((demo / "HR").iterdir()))
    folders = [str(demo), str(harness.results)]
    zoo, models = harness.path / "model_zoo", harness.path / "models"
    reading = READS.format(folders=folders) + tiny()
    members = ("Link", "Hard", "Pipe", "LinkedModel", "Good", "Huge", "HugeModel")
    for number, name in enumerate(members, start=11):
        harness.add(f"team{number}_{name}", reading)
    os.truncate(zoo / "team16_Huge.pth", 2**40)  # Holes: nothing is written.
    os.truncate(models / "team17_HugeModel.py", 2**40)
    for name in ("team11_Link.pth", "team12_Hard.pth", "team13_Pipe.pth"):
        (zoo / name).unlink()
    (zoo / "team11_Link.pth").symlink_to(hr)
    os.link(hr, zoo / "team12_Hard.pth")
    os.mkfifo(zoo / "team13_Pipe.pth")
    (models / "team14_LinkedModel.py").rename(harness.path / "elsewhere.py")
    (models / "team14_LinkedModel.py").symlink_to(harness.path / "elsewhere.py")
    done = harness.run("--model_id", "all", request.param)
    if "bwrap is not" in done.stderr:
        pytest.skip(done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 1
    return harness


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("11_Link", "model_zoo/team11_Link.pth is a link"),
        ("12_Hard", "model_zoo/team12_Hard.pth is another name of a hidden file"),
        ("13_Pipe", "team13_Pipe.pth"),
        ("14_LinkedModel", "models/team14_LinkedModel.py is a link"),
        ("16_Huge", "model_zoo/team16_Huge.pth has 1024 GiB, more than 16"),
        ("17_HugeModel", "models/team17_HugeModel.py has 1024 GiB, more than 0.0625"),
    ],
)
def test_what_is_no_file_of_its_own_is_refused_by_name(run: Harness, label: str, says: str) -> None:
    row = run.rows()[label]
    assert (row["Status"], row["Failed stage"]) == ("failed", "discover")
    assert says in row["Reason"]


def test_no_hr_and_no_results_are_read_and_the_neighbours_are_measured(run: Harness) -> None:
    rows = run.rows()
    assert {label for label, row in rows.items() if row["Status"] == "ok"} == {"15_Good"}
    assert "READ" not in (run.results / "logs" / "15_Good.log").read_text()


def test_a_results_folder_that_holds_the_harness_is_closed_all_the_same(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.run("--model_id", "0", "--save_dir", str(tmp_path))
    folders = [str(tmp_path / name) for name in ("records", "logs", "failures")]
    harness.add("team15_Reads", READS.format(folders=folders) + tiny())
    done = harness.run("--model_id", "15", "--save_dir", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "READ" not in (tmp_path / "logs" / "15_Reads.log").read_text()
