"""Submissions that read a folder of images and write one: listed, measured, contained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boards
import cv2
import numpy as np
import psutil
import pytest
import torch
from clones import tree_sha256
from harness import Harness, smooth_image, write_image, write_pairs
from sister_clones import find_clone

from esr.base.errors import UserError
from esr.challenge.fixed_input import RealTimeOptions
from esr.challenge.protocol import protocols
from esr.datasets.manifest import PairHash
from esr.datasets.staging import StagedImage, StagedSplit
from esr.evaluate.dialogue.folder_hand_over import FolderHandOver
from esr.images.metrics import METRICS
from esr.measure.channel import TAKE
from esr.measure.job import JobFolder, SubmissionFailed
from esr.rank.entrants import Choices
from esr.records.conditions import KeptFiles, Passes, Procedure, Request
from esr.report.board import Board, build_board
from esr.submissions.clone.clone_files import CloneFacts, CloneSource
from esr.submissions.clone.discover_clone import discover_clone
from esr.submissions.clone.discover_folder_calls import discover_folder_calls
from esr.submissions.submission import FOLDER_CALL, Broken, CloneSubmission, FolderCall

SCRIPT = """
import os.path
from utils import utils_image as util

def select_model(args, device):
    model_id = args.model_id
    if model_id == 0:
        from models.team00_Base import main as Base
        name = f"{model_id:02}_Base_baseline"
        model_path = os.path.join('model_zoo', 'team00_base.pth')
        model_func = Base
    else:
        raise NotImplementedError(f"Model {model_id} is not implemented.")
    return model_func, model_path, name
"""
IO = """
import glob, os, subprocess, sys
import cv2, torch
from package_nobody_has import nothing

def main(model_dir, input_path, output_path, device=None):
    factor = int(torch.load(os.path.join(model_dir, 'w.pth'))['factor'])
    {before}
    for number, file in enumerate(sorted(glob.glob(os.path.join(input_path, '*.png')))):
        image = torch.from_numpy(cv2.imread(file)).permute(2, 0, 1)[None].float().cuda()
        image = torch.nn.functional.interpolate(image, scale_factor=factor, mode='nearest')
        image = image[0].permute(1, 2, 0).cpu().numpy().astype('uint8')
        {change}
        cv2.imwrite(os.path.join(output_path, os.path.basename(file)), image)
"""
DEEDS = {
    "02_Hostile": ("""
    for place in (PLACES):
        try:
            open(place, 'w').write('was here')
        except OSError:
            pass
    sleep = [sys.executable, '-c', 'import time; time.sleep(600)', 'MARK']
    subprocess.Popen(sleep, start_new_session=True)
""", ""),
    "03_Few": ("", "if number: break"),
    "04_Sizes": ("", "image = image[:-4]"),
}  # fmt: skip


def _write_team(clone: Path, name: str, before: str = "", change: str = "") -> None:
    team, zoo = clone / "models" / f"team{name}", clone / "model_zoo" / f"team{name}"
    team.mkdir(parents=True)
    zoo.mkdir(parents=True)
    source = IO.replace("{before}", before.strip("\n").lstrip()).replace("{change}", change)
    (team / "io.py").write_text(source)
    (team / "__init__.py").write_text("from .io import *\n")
    torch.save({"factor": torch.tensor(4)}, zoo / "w.pth")


class Run:
    """A clone with an honest team and hostile ones, measured once."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.outside = folder / "clone", folder / "outside"
        self.outside.mkdir()
        self.mark = f"left by {folder}"
        self.harness = Harness(folder / "harness")
        write_pairs(self.harness.path / "data" / "demo")
        places = [self.outside / "a.txt", self.harness.path / "data" / "demo" / "HR" / "a.txt"]
        _write_team(self.clone, "01_Near-est")
        (self.clone / "test.py").write_text(SCRIPT)
        for name, (before, change) in DEEDS.items():
            deed = before.replace("PLACES", repr([*map(str, places)])).replace("MARK", self.mark)
            _write_team(self.clone, name, deed, change)
        self.places, self.before = places, tree_sha256(self.clone)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUDA_VISIBLE_DEVICES", "")
            self.done = self.harness.run(
                *("--submission", str(self.clone), "--protocol", "ntire2025_sr_x4"),
                *("--model_id", "1", "2", "3", "4", "--device", "cpu", "--make_zip"),
                *("--repeats", "3", "--layers"),
            )
        self.rows = self.harness.rows()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("folders"))


def test_the_images_of_a_folder_are_scored_and_timed_as_a_whole(run: Run) -> None:
    assert run.rows["01_Near-est"]["Status"] == "ok", run.done.stderr
    record = run.harness.record("01_Near-est")
    images = record["splits"][0]["images"]
    for seed, image in enumerate(images):
        hr = smooth_image(96, (20 + seed) * 4, seed)
        sr = np.kron(hr[::4, ::4], np.ones((4, 4, 1))).astype(np.uint8)
        for name in ("psnr", "psnr_y_x4", "ssim_y_x4"):
            expected = METRICS[name].function(sr, hr, 4)
            assert image["scores"][name] == pytest.approx(expected, abs=1e-9)
    # One runtime of the whole call, shared by its images; the parent's clock runs a little longer.
    (share,) = {image["runtime_ms"] for image in images}
    assert 0 < share <= record["splits"][0]["parent_ms"][0]
    assert record["counts"]["params"] is None
    row = run.rows["01_Near-est"]
    assert (row["Params [M]"], row["FLOPs [G]"]) == ("", "")
    assert row["Rank restoration"] == "1"
    assert row["Not ranked in perceptual because"].startswith("LPIPS, DISTS")
    assert record["fork"]["facts"]["checkpoints"] == ["model_zoo/team01_Near-est/w.pth"]
    assert record["fork"]["facts"]["absent"] == ["package_nobody_has"]
    assert (run.harness.results / "01_Near-est" / "valid.zip").is_file()


def test_what_it_writes_outside_is_not_there_and_is_named(run: Run) -> None:
    assert not any(place.exists() for place in run.places)
    row = run.rows["02_Hostile"]
    assert row["Status"] == "ok", row["Reason"]
    assert "wrote_files" in row["Flags"]
    assert tree_sha256(run.clone) == run.before


def test_a_daemon_is_named_and_does_not_stay(run: Run) -> None:
    row = run.rows["02_Hostile"]
    assert row["Status"] == "ok", row["Reason"]
    assert "started_processes" in row["Flags"]
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not any(run.mark in line for line in lines)


@pytest.mark.parametrize(
    ("label", "stage", "reason"),
    [
        ("03_Few", "restore", "wrote 1 of 2 images of valid: no 0001x4.png"),
        ("04_Sizes", "invalid", "the SR image 0000x4.png is 80x92 px, HR is 80x96"),
    ],
)
def test_what_is_wrong_with_its_images_is_said(
    run: Run, label: str, stage: str, reason: str
) -> None:
    row = run.rows[label]
    assert (row["Status"], row["Failed stage"]) == ("failed", stage)
    assert reason in row["Reason"]


def test_the_run_ends_as_any_with_failures(run: Run) -> None:
    assert run.done.returncode == 1
    assert "Traceback" not in run.done.stdout + run.done.stderr
    said = " ".join(run.done.stdout.split())
    assert "that of the whole call" in said
    assert "whose network is not seen: --repeats, --layers." in said


def _board(call: str | None, passes: Passes, choices: Choices | None = None) -> Board:
    """A network that was repeated, beside a submission of a clone."""
    network = boards.record(1, "Net", 5.0, 27.0, repeats=True)
    procedure = Procedure("ntire2026", ("psnr",), passes, RealTimeOptions(None, None, None, 1.0))
    request = Request(procedure, KeptFiles(False, False), None, True, "", "")
    facts = CloneFacts("Of a clone", 1.0, None, call, (), (), trusted=False)
    fork = CloneSource("/clone", None, facts, ())
    clone = replace(boards.record(2, "Clone", 6.0, 27.0), request=request, fork=fork)
    rows = [boards.row(record) for record in (network, clone)]
    return build_board(rows, protocols()["ntire2026"], choices)


@pytest.mark.parametrize(
    ("call", "passes", "flags"),
    [
        (FOLDER_CALL, Passes(repeats=5, layers=True), "--repeats, --layers"),
        (FOLDER_CALL, Passes(precision_percent=0.5), "--precision"),
        (FOLDER_CALL, Passes(repeats=0, precision_percent=0.0), None),
        (FOLDER_CALL, Passes(), None),
        ("model(img_lq)", Passes(repeats=5, precision_percent=0.5, layers=True), None),
    ],
)
def test_what_is_asked_of_a_folder_call_in_vain_is_said(
    call: str, passes: Passes, flags: str | None
) -> None:
    said = [remark for remark in _board(call, passes).remarks if remark.startswith("Without")]
    assert len(said) == (flags is not None)
    assert all(remark.endswith(f": {flags}.") for remark in said)


def test_nobody_is_told_to_repeat_what_cannot_be_repeated() -> None:
    # The runtimes are official ones, and the warm one that a track asks for is only the network's.
    for choices in (Choices(), Choices(runtime="warm")):
        remarks = _board(FOLDER_CALL, Passes(repeats=5), choices).remarks
        assert not any("--repeats" in remark for remark in remarks if "Of a clone" in remark)
        assert any("only the whole call is timed" in remark for remark in remarks)


LAYOUTS = {
    "a function in main.py": ({"main.py": "def main(model_dir, input_path, output_path, device): 0"}, None),
    "more arguments with defaults": ({"io.py": "def main(model_dir, input_path, output_path, device=None, tile=8): 0"}, None),
    "any arguments": ({"io.py": "def main(**given): 0"}, None),
    "a script": ({"run.py": "print(1)"}, "no function main(model_dir, input_path, output_path, device)"),
    "other arguments": ({"io.py": "def main(args): 0"}, "main of io.py takes no model_dir, input_path"),
    "one more argument": ({"io.py": "def main(model_dir, input_path, output_path, device, size): 0"}, "main of io.py needs size too"),
    "no Python": ({"io.py": "def main(:"}, "io.py is no Python: "),
    "a submodule": ({}, "is empty, as a git submodule that was not fetched"),
    "no code": ({"README.md": ""}, "holds no *.py"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_team_folder_is_ready_or_says_what_it_lacks(name: str, tmp_path: Path) -> None:
    files, lacking = LAYOUTS[name]
    folder = tmp_path / "models" / "team07_A-B"
    folder.mkdir(parents=True)
    (tmp_path / "test.py").write_text(SCRIPT)
    for file, source in files.items():
        (folder / file).write_text(source)
    zoo = tmp_path / "model_zoo" / "team07_A&B"
    zoo.mkdir(parents=True)
    (zoo / "team07.txt").write_text("https://")
    *_, entry = discover_folder_calls(tmp_path)
    assert isinstance(entry, Broken)
    link = "no weights: model_zoo/team07_A&B holds only a link (team07.txt)"
    assert entry.reason == link if lacking is None else lacking in entry.reason
    assert link in entry.reason
    (zoo / "net.pth").write_text("")
    *_, entry = discover_folder_calls(tmp_path)
    if lacking is None:
        assert isinstance(entry, CloneSubmission)
        assert entry.folder_call is not None
        assert entry.folder_call.model_dir == "model_zoo/team07_A&B"
    else:
        assert isinstance(entry, Broken)


@pytest.mark.parametrize("file", ["src/io.py", "src/core/__init__.py"])
def test_the_function_may_lie_deeper_and_the_weights_be_a_single_file(
    tmp_path: Path, file: str
) -> None:
    (tmp_path / "test.py").write_text(SCRIPT)
    source = tmp_path / "models" / "team07_Deep" / file
    source.parent.mkdir(parents=True)
    source.write_text("def main(model_dir, input_path, output_path, device=None): 0")
    source.parents[len(Path(file).parts) - 1].joinpath("__init__.py").write_text(
        "from .src import *"
    )
    (tmp_path / "model_zoo").mkdir()
    for name in ("team07_Deep.pth", "team08_Other.pth", "team07_Deep.txt"):
        (tmp_path / "model_zoo" / name).touch()
    *_, entry = discover_folder_calls(tmp_path)
    assert isinstance(entry, CloneSubmission)
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    call = FolderCall(f"models.team07_Deep.{module}", "model_zoo/team07_Deep.pth")
    assert entry.folder_call == call


def test_links_and_folders_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "test.py").write_text(SCRIPT)
    _write_team(tmp_path, "01_Real")
    (tmp_path / "models" / "team02_Link").symlink_to(tmp_path / "models" / "team01_Real")
    (tmp_path / "models" / "team01_Real" / "io.py").unlink()
    (tmp_path / "models" / "team01_Real" / "io.py").symlink_to("/dev/zero")
    reasons = {
        entry.model_id: getattr(entry, "reason", "") for entry in discover_folder_calls(tmp_path)
    }
    assert "io.py is no ordinary file" in reasons[1]
    assert "models/team02_Link is a link; put the folder itself there" in reasons[2]


def test_an_id_of_the_script_is_called_as_the_script_calls_it(tmp_path: Path) -> None:
    (tmp_path / "test.py").write_text(SCRIPT)
    (tmp_path / "models").mkdir()
    (entry,) = discover_folder_calls(tmp_path)
    assert isinstance(entry, Broken)
    assert entry.label == "00_Base_baseline"
    assert entry.reason == "named in test.py, but models/team00_Base is not there"
    _write_team(tmp_path, "00_Base")
    (entry,) = discover_folder_calls(tmp_path)
    assert isinstance(entry, CloneSubmission)
    assert entry.folder_call is not None
    assert entry.folder_call.model_dir == "model_zoo/team00_Base"
    (tmp_path / "model_zoo" / "team00_base.pth").write_text("")
    (entry,) = discover_folder_calls(tmp_path)
    assert isinstance(entry, CloneSubmission)
    assert entry.folder_call is not None
    assert entry.folder_call.model_dir == "model_zoo/team00_base.pth"


def test_such_a_clone_under_another_protocol_is_told_which_ones_take_it(tmp_path: Path) -> None:
    (tmp_path / "test.py").write_text(SCRIPT)
    with pytest.raises(UserError, match="--protocol ntire2025_sr_x4 or ntire2026_sr_x4"):
        discover_clone(tmp_path)


@pytest.mark.parametrize("script", [None, "def main(): 0"])
def test_what_is_no_such_clone_is_one_line(tmp_path: Path, script: str | None) -> None:
    if script is not None:
        (tmp_path / "test.py").write_text(script)
    with pytest.raises(UserError):
        discover_folder_calls(tmp_path)


@pytest.mark.parametrize(
    ("name", "teams"), [("NTIRE2025_ImageSR_x4", 25), ("NTIRE2026_ImageSR_x4", 31)]
)
def test_every_team_of_an_official_clone_is_listed_with_a_verdict(name: str, teams: int) -> None:
    clone = find_clone(name)
    entries = discover_folder_calls(clone)
    numbers = {int(path.name[4:6]) for path in (clone / "models").glob("team*")}
    assert len(numbers) == teams
    assert {entry.model_id for entry in entries} == numbers | {0}
    for entry in entries:
        assert not isinstance(entry, Broken) or entry.reason


class Handed:
    """A hand-over of two images, as far as its worker has restored nothing yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = JobFolder(folder / "job")
        images = []
        for index in range(2):
            lr, hr = folder / f"{index}-lr.npy", folder / f"{index}-hr.npy"
            np.save(lr, smooth_image(6, 8, index))
            np.save(hr, smooth_image(24, 32, index))
            images.append(StagedImage(f"{index}.png", lr, hr, PairHash("", "", "")))
        for path in (self.folder.sr, self.folder.given(0), self.folder.returned(0)):
            path.mkdir(parents=True)
        split = StagedSplit("valid", "a", 4, tuple(images))
        self.over = FolderHandOver([split], self.folder, lambda _: None)

    def give(self) -> None:
        for stage in ("import", "restore"):
            assert self.over.hear("stage", stage) == b""
        assert self.over.hear("folder", 0) == TAKE

    def restore(self) -> list[Path]:
        files = [self.folder.returned(0) / f"{index:04d}x4.png" for index in range(2)]
        for index, file in enumerate(files):
            write_image(file, smooth_image(24, 32, index))
        return files


@pytest.fixture
def handed(tmp_path: Path) -> Iterator[Handed]:
    handed = Handed(tmp_path)
    yield handed
    handed.over.close()


def test_names_of_given_images_say_nothing_and_their_pixels_are_those_of_lr(handed: Handed) -> None:
    handed.give()
    files = sorted(handed.folder.given(0).iterdir())
    assert [file.name for file in files] == ["0000x4.png", "0001x4.png"]
    for index, file in enumerate(files):
        pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[..., ::-1]
        assert np.array_equal(pixels, smooth_image(6, 8, index))


@pytest.mark.parametrize("said", [("folder", 1), ("returned", 1.0), ("image", [0, 0])])
def test_what_is_said_out_of_turn_ends_it(handed: Handed, said: tuple[str, object]) -> None:
    handed.over.hear("stage", "restore")
    with pytest.raises(SubmissionFailed, match="turn"):
        handed.over.hear(*said)
    handed.over.hear("folder", 0)
    with pytest.raises(SubmissionFailed, match="turn"):
        handed.over.hear("folder", 0)
    with pytest.raises(SubmissionFailed, match="turn"):
        handed.over.hear("stage", "count")


def test_what_is_written_after_the_call_has_returned_does_not_count(handed: Handed) -> None:
    handed.give()
    files = handed.restore()
    assert handed.over.hear("returned", 5.0) == TAKE
    handed.over.refuse_changed()
    write_image(files[1], 255 - smooth_image(24, 32, 1))
    with pytest.raises(SubmissionFailed, match="1 SR images were changed after the call"):
        handed.over.refuse_changed()


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_output_folder_that_leads_elsewhere_is_refused(handed: Handed, when: str) -> None:
    handed.give()
    handed.restore()
    place = handed.folder.returned(0)

    def replace() -> None:
        place.rename(place.with_name("moved"))
        place.symlink_to(place.with_name("moved"))

    if when == "before":
        replace()
        with pytest.raises(SubmissionFailed, match="returned/0 was replaced"):
            handed.over.hear("returned", 5.0)
        return
    handed.over.hear("returned", 5.0)
    replace()
    with pytest.raises(SubmissionFailed, match="returned/0 was replaced"):
        handed.over.refuse_changed()


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_what_is_no_file_is_refused_and_keeps_nobody_waiting(handed: Handed, kind: str) -> None:
    handed.give()
    files = handed.restore()
    files[0].unlink()
    if kind == "pipe":
        os.mkfifo(files[0])
    else:
        files[0].symlink_to(files[1])
    with pytest.raises(SubmissionFailed, match="no ordinary file"):
        handed.over.hear("returned", 5.0)


def test_images_may_be_named_without_the_scale(handed: Handed) -> None:
    handed.give()
    for file in handed.restore():
        file.rename(file.with_name(file.name.replace("x4", "")))
    assert handed.over.hear("returned", 5.0) == TAKE
