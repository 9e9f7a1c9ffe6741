"""Names that `select_model` gives, odd ones included: to the letter in the official files."""

from __future__ import annotations

import csv
import json

import torch
from clones import HEAD, TAIL, nearest_state, tiny
from harness import Harness, write_pairs

NAMES = [
    "         11_VSCINet",
    "42_[FEAN]",
    "43_a/b",
    "44_two\nlines",
    "-45_dash",
    "  ",
    "46",
    "46",
]


def test_names_are_kept_and_rows_found_again(tmp_path) -> None:
    clone = tmp_path / "clone"
    for folder in ("models", "model_zoo"):
        (clone / folder).mkdir(parents=True)
    ladder = "def select_model(args, device):\n    model_id = args.model_id\n"
    for number, name in enumerate(NAMES):
        ladder += f"    if model_id == {number}:\n        name = {name!r}\n"
    ladder += """
    from models.team00_tiny import Tiny
    model = Tiny()
    model.load_state_dict(torch.load('model_zoo/team00_tiny.pth'))
    return model, name, 1.0, None
"""
    (clone / "test_demo.py").write_text(HEAD + ladder + TAIL)
    (clone / "models" / "team00_tiny.py").write_text(tiny())
    torch.save(nearest_state(), clone / "model_zoo" / "team00_tiny.pth")
    harness = Harness(tmp_path / "harness")
    harness.count_at(32)
    write_pairs(harness.path / "data" / "demo")
    harness.results.mkdir(parents=True, exist_ok=True)
    # As a version before would have left it: under the name of its file.
    (harness.results / "results.json").write_text('{"_11_VSCINet": {}, "elsewhere": {}}')
    command = ("--submission", str(clone), "--device", "cpu", "--model_id")
    some = [str(number) for number in range(len(NAMES))]
    done = harness.run(*command, *some)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((harness.results / "results.json").read_text())
    assert set(results) == {*NAMES[:5], "_", "06_46", "07_46", "elsewhere"}
    table = (harness.results / "results.txt").read_text()
    assert f"\n{NAMES[0]}\t" in table or f"\n{NAMES[0]:20s}\t" in table
    assert "42_[FEAN]" in table
    assert "43_a/b" in table
    with (harness.results / "leaderboard.csv").open(newline="") as file:
        named = {row["Model"].lstrip("'") for row in csv.DictReader(file)}
    # A line break would be a second row for many who read CSV.
    written = {name.replace("\n", "\\n") for name in NAMES[:5]}
    assert named == {*written, "_", "06_46", "07_46"}
    again = harness.run("--resume", *command, *some)
    assert again.stdout.count(": kept: ") == 8, again.stdout
    assert json.loads((harness.results / "results.json").read_text()) == results
