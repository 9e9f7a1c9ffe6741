"""`python -m esr codabench`: what it writes, and what it refuses to write."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from codabench_server import write_without_kit
from harness import smooth_image, write_image
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.challenge.protocol import protocols
from esr.tools.codabench import codabench_command, scoring_program
from esr.tools.codabench.check_bundle import check_bundle
from esr.tools.codabench.competition_file import choose_metrics, make_columns
from esr.tools.codabench.phase_dates import choose_dates
from esr.tools.codabench.yaml_text import write_yaml

VALID, TEST = ("0801", "0802"), ("0901",)


def _write_data(folder: Path, roles: dict[str, tuple[str, ...]]) -> None:
    for role, stems in roles.items():
        for seed, stem in enumerate(stems):
            hr = smooth_image(48, 60, seed)
            write_image(folder / f"DIV2K_{role}_HR" / f"{stem}.png", hr)
            write_image(folder / f"DIV2K_{role}_LR" / f"{stem}x4.png", hr[::4, ::4])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A competition of two phases, with everything an organizer can say."""
    folder = tmp_path_factory.mktemp("bundle")
    _write_data(folder / "data", {"valid": VALID, "test": TEST})
    write_image(folder / "Logo.PNG", smooth_image(40, 40))
    (folder / "terms.html").write_text("<p>Be fair.</p>")
    given = [
        *("--protocol", "ntire2023", "--data_dir", str(folder / "data")),
        *("--out", str(folder / "new" / "bundle.zip"), "--title", 'x4: "fast" #1, or no'),
        *("--valid_dates", "2027-01-10 08:00", "2027-03-01T23:59:00+01:00"),
        *("--test_dates", "2027-03-02", "2027-03-09", "--test_uploads", "2", "5"),
        *("--logo", str(folder / "Logo.PNG"), "--terms", str(folder / "terms.html")),
        *("--contact_email", "us@example.org", "--docker_image", "example/sr:1.0"),
        *("--metrics", "psnr_y", "--submission_rule", "Force_Last", "--time_limit", "300"),
    ]
    write_without_kit(given)
    return folder / "new" / "bundle.zip"


def _read(bundle: Path) -> tuple[dict[str, Any], dict[str, int]]:
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        files = {entry.filename: entry.file_size for entry in archive.infolist()}
        return yaml.safe_load(archive.read("competition.yaml")), files


def test_the_competition_holds_what_the_server_asks_for(bundle: Path) -> None:
    competition, files = _read(bundle)
    assert check_bundle(competition, files) == []
    # By hand from here on, after shared/reference/codabench.md.
    assert type(competition["version"]) is int
    assert competition["version"] == 2
    assert competition["title"] == 'x4: "fast" #1, or no'
    assert competition["docker_image"] == "example/sr:1.0"
    assert (competition["image"], competition["terms"]) == ("logo.png", "pages/terms.html")
    phases = competition["phases"]
    # A date that is no text has lost its time of day.
    assert [(phase["name"], phase["start"], phase["end"]) for phase in phases] == [
        ("Validation", "2027-01-10 08:00:00", "2027-03-01 22:59:00"),
        ("Test", "2027-03-02 00:00:00", "2027-03-09 00:00:00"),
    ]
    assert [phase["max_submissions"] for phase in phases] == [100, 5]
    assert [phase["max_submissions_per_day"] for phase in phases] == [10, 2]
    assert [phase["tasks"] for phase in phases] == [[0], [1]]
    assert {phase["execution_time_limit"] for phase in phases} == {300}
    assert [task["reference_data"] for task in competition["tasks"]] == [
        *("reference_valid", "reference_test")
    ]
    (board,) = competition["leaderboards"]
    assert board["submission_rule"] == "Force_Last"
    columns = board["columns"]
    assert columns[board["primary_index"]]["key"] == "psnr"
    assert [(column["key"], column["sorting"], column["precision"]) for column in columns] == [
        *(("psnr", "desc", 2), ("ssim", "desc", 4), ("psnr_y", "desc", 2)),
        *(("runtime", "asc", 3), ("cpu", "asc", 0), ("extra_data", "asc", 0)),
    ]
    with zipfile.ZipFile(bundle) as archive:
        pages = [archive.read(page["file"]).decode() for page in competition["pages"]]
    assert [page["title"] for page in competition["pages"]] == ["Overview", "Evaluation", "Upload"]
    row = "| Test | `DIV2K_test` | 1 | 2027-03-02 00:00:00 | 2027-03-09 00:00:00 | 2 | 5 |"
    assert row in pages[0]


def test_hr_lies_in_its_reference_data_alone_and_unchanged(bundle: Path) -> None:
    _, files = _read(bundle)
    hr = {f"reference_valid/HR/{stem}.png" for stem in VALID}
    hr |= {f"reference_test/HR/{stem}.png" for stem in TEST}
    assert {name for name in files if Path(name).stem in (*VALID, *TEST)} == hr
    with zipfile.ZipFile(bundle) as archive:
        for name in hr:
            folder = f"DIV2K_{name.split('/')[0].removeprefix('reference_')}_HR"
            original = bundle.parents[1] / "data" / folder / Path(name).name
            assert archive.read(name) == original.read_bytes()


Edit = Callable[[dict[str, Any]], object]


def _phase(number: int, **changes: object) -> Edit:
    return lambda competition: competition["phases"][number].update(changes)


def _task(**changes: object) -> Edit:
    return lambda competition: competition["tasks"][0].update(changes)


def _column(number: int, **changes: object) -> Edit:
    return lambda competition: competition["leaderboards"][0]["columns"][number].update(changes)


def _top(**changes: object) -> Edit:
    return lambda competition: competition.update(changes)


def _board(**changes: object) -> Edit:
    return lambda competition: competition["leaderboards"][0].update(changes)


UUID = "8d5c9a0e-3f5a-4d2b-9d5e-0f6b1c2d3e4f"
FACT = {"key": "A", "type": "text", "title": "A", "selection": [], "is_required": False}

FAULTS: dict[str, tuple[Edit, str]] = {
    "version 1": (_top(version=1), "version is 2"),
    "version 2.0": (_top(version=2.0), "version is no int"),
    "version true": (_top(version=True), "version is no int"),
    "no version": (lambda c: c.pop("version"), "version is missing"),
    "long title": (_top(title="x" * 257), "title has 257 characters, more than 256"),
    "empty title": (_top(title=""), "title is empty"),
    "no image": (lambda c: c.pop("image"), "image is missing"),
    "another image": (_top(image="other.png"), "image: there is no file other.png"),
    "empty terms": (_top(terms="empty.md"), "terms: empty.md is empty"),
    "no pages": (lambda c: c.pop("pages"), "pages is missing"),
    "absent page": (_top(pages=[{"title": "A", "file": "a.md"}]), "there is no file a.md"),
    "page without title": (_top(pages=[{"file": "logo.png"}]), "pages[0]: title is missing"),
    "page is a text": (_top(pages=["logo.png"]), "pages[0]: no mapping"),
    "long docker image": (_top(docker_image="x" * 129), "docker_image has 129"),
    "unknown field": (_top(leaderboard=[]), "no field leaderboard is known"),
    "bad type": (_top(competition_type="game"), "competition_type is none of"),
    "flag as text": (_top(enable_detailed_results="True"), "enable_detailed_results is no bool"),
    "no address": (_top(contact_email="me"), "contact_email is no address: me"),
    "long reward": (_top(reward="x" * 257), "reward has 257"),
    "queue": (_top(queue="mine"), "queue is no UUID: mine"),
    "fact": (_top(fact_sheet={"A": FACT}), "is_on_leaderboard is missing"),
    "fact of another key": (
        _top(fact_sheet={"B": {**FACT, "is_on_leaderboard": False}}),
        "B has another key: A",
    ),
    "no tasks": (_top(tasks=[]), "no tasks"),
    "task without index": (lambda c: c["tasks"][0].pop("index"), "tasks[0]: index is missing"),
    "two tasks of one index": (_task(index=1), "tasks: index 1 is there twice"),
    "no scoring program": (lambda c: c["tasks"][0].pop("scoring_program"), "is missing"),
    "absent program": (_task(scoring_program="absent"), "there is nothing at absent"),
    "program without metadata": (
        _task(scoring_program="reference_valid"),
        "reference_valid has no metadata.yaml at its top",
    ),
    "loose file": (_task(reference_data="logo.png"), "a loose file, neither a folder nor a .zip"),
    "bad key": (_task(key="A"), "key is no UUID: A"),
    "no phases": (_top(phases=[]), "no phases"),
    "phase without name": (lambda c: c["phases"][0].pop("name"), "name is missing"),
    "phase without tasks": (_phase(0, tasks=[]), "phases[0]: no tasks"),
    "unknown task": (_phase(1, tasks=[7]), "no task has the index 7"),
    "first migrates": (
        _phase(0, auto_migrate_to_this_phase=True),
        "nothing migrates to the first phase",
    ),
    "ignored limit": (_phase(0, max_submissions_per_person=3), "no field max_submissions_per"),
    "no limit": (_phase(0, max_submissions=0), "max_submissions is less than 1"),
    "unquoted date": (_phase(0, start=datetime(2027, 1, 10, 8)), "start is no str"),
    "no date": (_phase(0, start="soon"), "start is no date: soon"),
    "no end": (lambda c: c["phases"][0].pop("end"), "end is no date: None"),
    "end at the start": (_phase(1, end="2027-03-02 00:00:00"), "ends before it starts"),
    "phases overlap": (_phase(1, start="2027-03-01 22:59:00"), "before the last phase has ended"),
    "phases in another order": (
        lambda c: (_phase(0, index=1)(c), _phase(1, index=0)(c)),
        "before the last phase has ended",
    ),
    "absent kit": (_phase(0, starting_kit="absent"), "there is nothing at absent"),
    "no leaderboards": (_top(leaderboards=[]), "0 leaderboards"),
    "leaderboard without title": (lambda c: c["leaderboards"][0].pop("title"), "title is missing"),
    "long leaderboard": (_board(title="x" * 65), "title has 65"),
    "long key": (_board(key="x" * 37), "key has 37"),
    "no columns": (_board(columns=[]), "no columns"),
    "primary": (_board(primary_index=9), "primary_index is the index of no column"),
    "rule": (_board(submission_rule="Best"), "submission_rule is none of Add, Add_And_Delete"),
    "long column": (_column(0, title="x" * 37), "title has 37 characters, more than 36"),
    "column twice": (_column(0, index=1), "index 1 is there twice"),
    "key twice": (_column(0, key="ssim"), "key ssim is there twice"),
    "negative": (_column(0, index=-1), "index is less than 0"),
    "sorting": (_column(0, sorting="down"), "sorting is none of desc, asc"),
    "half a computation": (_column(0, computation="avg"), "goes with computation_indexes"),
    "of itself": (
        _column(0, computation="avg", computation_indexes=[0, 1]),
        "computation_indexes are those of other columns",
    ),
    "solution": (
        _top(solutions=[{"index": 0, "tasks": [0], "path": "absent"}]),
        "there is nothing at absent",
    ),
    "solution of no task": (
        _top(solutions=[{"index": 0, "tasks": [9], "key": UUID}]),
        "solutions[0]: no such task",
    ),
}


@pytest.fixture(scope="module")
def content(bundle: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """What a good bundle holds."""
    competition, files = _read(bundle)
    return competition, {**files, "empty.md": 0}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_server_would_refuse_or_misread_is_named(
    content: tuple[dict[str, Any], dict[str, int]], fault: str
) -> None:
    edit, expected = FAULTS[fault]
    competition = copy.deepcopy(content[0])
    edit(competition)
    problems = check_bundle(competition, content[1])
    assert problems
    assert expected in problems[0]


@pytest.mark.parametrize(
    "edit",
    [
        _task(key=UUID, scoring_program="absent"),
        _task(reference_data=UUID, input_data="starting_kit/example_upload.zip"),
        _top(fact_sheet={"A": {**FACT, "is_on_leaderboard": False}}, queue=UUID, pages=[]),
        lambda c: c["phases"][1].pop("end"),
        lambda c: [phase.pop("index") for phase in c["phases"]],
        _column(0, computation="avg", computation_indexes=[1, 2]),
        _top(solutions=[{"index": 0, "tasks": [0, 1], "path": "starting_kit"}]),
    ],
)
def test_what_the_server_takes_is_not_refused(
    content: tuple[dict[str, Any], dict[str, int]], edit: Edit
) -> None:
    competition = copy.deepcopy(content[0])
    edit(competition)
    assert check_bundle(competition, content[1]) == []


def test_a_bundle_within_a_folder_is_named(
    content: tuple[dict[str, Any], dict[str, int]],
) -> None:
    files = {f"bundle/{name}": size for name, size in content[1].items()}
    assert check_bundle(content[0], files)[0] == (
        "competition.yaml is not at the top of the archive"
    )


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
PLAIN = st.recursive(
    TEXT | st.integers(-9, 9) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex(r"[a-z_]{1,8}x", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.just("key"), PLAIN, min_size=1))
def test_another_reader_of_yaml_reads_the_same(data: dict[str, Any]) -> None:
    assert yaml.safe_load(write_yaml(data)) == data


NOW = datetime(2027, 1, 9, 17, 30, tzinfo=UTC)


def test_phases_without_dates_follow_one_another_from_midnight_on() -> None:
    valid, test = choose_dates([None, None], NOW)
    # Seven weeks and one, by the calendar.
    assert (valid.start, valid.end) == ("2027-01-10 00:00:00", "2027-02-27 23:59:59")
    assert (test.start, test.end) == ("2027-02-28 00:00:00", "2027-03-06 23:59:59")
    early = choose_dates([("2027-05-01", "2027-05-02 12:00"), None], NOW)[1]
    assert (early.start, early.end) == ("2027-05-02 12:00:01", "2027-05-09 12:00:00")


def test_the_first_psnr_of_a_protocol_ranks() -> None:
    assert choose_metrics(()) == ("psnr", "ssim")
    assert choose_metrics(("ssim",)) == ("psnr", "ssim")
    x4 = choose_metrics(protocols()["ntire2026_sr_x4"].metrics)
    assert x4 == ("psnr_y_x4", "ssim_y_x4")
    assert choose_metrics(("ssim_y", "lpips", "psnr_y")) == ("psnr_y", "ssim_y")
    real_time = choose_metrics(protocols()["rtsr2023"].metrics)
    assert real_time[0] == "psnr_rgb"
    assert "psnr" not in real_time
    assert [column.index for column in make_columns(real_time)] == [*range(9)]


def test_a_challenge_of_scale_1_scores_the_example_of_its_kit(tmp_path: Path) -> None:
    write_image(tmp_path / "DIV2K_valid_HR" / "0801.png", smooth_image(52, 61))
    write_image(tmp_path / "DIV2K_valid_noise50" / "0801.png", smooth_image(48, 56, 1))
    given = ["--protocol", "ntire2026_dn50", "--data_dir", str(tmp_path), "--phases", "valid"]
    assert codabench_command.main([*given, "--out", str(tmp_path / "bundle.zip")]) == 0
    competition, files = _read(tmp_path / "bundle.zip")
    assert check_bundle(competition, files) == []
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        page = archive.read("pages/upload.md").decode()
        archive.extractall(tmp_path / "bundle")
    assert "x1" not in page
    assert "to a multiple of 8." in page
    kit = tmp_path / "bundle" / "starting_kit"
    (kit / "output").mkdir()
    with zipfile.ZipFile(kit / "example_upload.zip") as archive:
        archive.extractall(kit / "input" / "res")
    assert scoring_program.main([str(kit / "input"), str(kit / "output")]) == 0
    scores = json.loads((kit / "output" / "scores.json").read_text())
    # 20 log10(255 / 50) = 14.15 dB, and somewhat more where the noise is cut off at 0 and 255.
    assert 14.15 < scores["psnr"] < 16
    assert f"PSNR [dB] {scores['psnr']:.2f}" in (kit / "README.md").read_text()


def test_other_sets_than_the_official_ones(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_image(tmp_path / name / "HR" / "a.png", smooth_image(48, 48))
        write_image(tmp_path / name / "LR_bicubic" / "X4" / "ax4.png", smooth_image(12, 12))
    given = ["--data_dir", str(tmp_path), "--dataset", "one", "two"]
    write_without_kit([*given, "--out", str(tmp_path / "bundle.zip")])
    competition, files = _read(tmp_path / "bundle.zip")
    assert [task["description"] for task in competition["tasks"]] == [
        *("1 images of one", "1 images of two")
    ]
    assert {"reference_valid/HR/a.png", "reference_test/HR/a.png"} <= files.keys()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The validation set alone."""
    folder = tmp_path_factory.mktemp("data")
    _write_data(folder, {"valid": VALID})
    for name, hr in (("small", smooth_image(16, 16)), ("deep", smooth_image(48, 48))):
        write_image(folder / name / "HR" / "a.png", hr)
        write_image(folder / name / "LR" / "a.png", smooth_image(12, 12))
    deep = cv2.imencode(".png", smooth_image(48, 48).astype(np.uint16) * 257)[1].tobytes()
    (folder / "deep" / "HR" / "a.png").write_bytes(deep)
    return folder


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "leave it out: --phases valid"),
        (("--data_dir", "absent"), "absent: no such folder"),
        (("--data_dir", "data/small"), "--phases test: needs the folders of the challenge"),
        (("--dataset", "a", "b", "c"), "--dataset: there are two phases"),
        (("--dataset", "small"), "a.png: too small to be scored"),
        (("--dataset", "deep"), "a.png: a 16-bit image"),
        (("--protocol", "ntire1999"), "invalid choice: 'ntire1999'"),
        (("--metrics", "lpips"), "invalid choice: 'lpips'"),
        (("--phases", "valid", "--valid_dates", "soon", "later"), "'soon': is no date; write it"),
        (
            ("--phases", "valid", "--valid_dates", "2027-02-01", "2027-01-01"),
            "phase 1 ends 2027-01-01 00:00:00, not after its start",
        ),
        (("--phases", "valid", "--title", "x" * 257), "title has 257 characters"),
        (("--phases", "valid", "--contact_email", "me"), "contact_email is no address"),
        (("--phases", "valid", "--queue", "mine"), "queue is no UUID"),
        (("--phases", "valid", "--valid_uploads", "0", "9"), "max_submissions_per_day is less"),
        (("--phases", "valid", "--time_limit", "-1"), "execution_time_limit is less"),
        (("--phases", "valid", "--logo", "absent.png"), "absent.png: no such file"),
        (("--phases", "valid", "--terms", "empty.md"), "pages/terms.md is empty"),
        (("--phases", "valid", "--out", "empty.md/x.zip"), "cannot write here"),
    ],
)
def test_what_cannot_be_used_costs_one_line_and_writes_nothing(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    # The kit is another test's subject, and takes longest.
    monkeypatch.setattr("esr.tools.codabench.make_competition.make_kit", lambda *_: {"a": b"a"})
    (tmp_path / "data").symlink_to(data)
    (tmp_path / "empty.md").touch()
    status = codabench_command.main(["--data_dir", "data", "--out", "bundle.zip", *arguments])
    _, err = capfd.readouterr()
    assert status == 2
    assert expected in err
    assert len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "empty.md"]
