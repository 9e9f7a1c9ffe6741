"""The scoring program of a competition, run as the server runs it, on uploads of every kind."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from codabench_server import Scored, Server
from harness import PATIENCE_S, smooth_image, write_image
from skimage.metrics import peak_signal_noise_ratio

from esr.evaluate.upload.upload_format import Readme
from esr.tools.codabench import codabench_command, scoring_program
from esr.tools.codabench.scoring_modules import import_closure

A, B = "0801.png", "0802.png"
HR = {A: smooth_image(66, 50), B: smooth_image(48, 60, 1)}


def _png(image: np.ndarray) -> bytes:
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[image.shape[2]]
    return cv2.imencode(".png", cv2.cvtColor(image, order))[1].tobytes()


def _sr(hr: np.ndarray) -> np.ndarray:
    height, width = (side // 4 * 4 for side in hr.shape[:2])
    return np.clip(hr[:height, :width].astype(int) + 3, 0, 255).astype(np.uint8)


README = Readme(0.01, False, False, "nothing").text().encode()
GOOD = {**{name: _png(_sr(hr)) for name, hr in HR.items()}, "readme.txt": README}


def _write_data(folder: Path) -> None:
    for role, shift in (("valid", 0), ("test", 100)):
        for name, hr in HR.items():
            stem = f"{int(name[:4]) + shift:04}"
            write_image(folder / f"DIV2K_{role}_HR" / f"{stem}.png", hr)
            lr = hr[: hr.shape[0] // 4 * 4 : 4, : hr.shape[1] // 4 * 4 : 4]
            write_image(folder / f"DIV2K_{role}_LR" / f"{stem}x4.png", lr)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A competition on two tiny pairs a phase."""
    folder = tmp_path_factory.mktemp("bundle")
    _write_data(folder / "data")
    given = ["--protocol", "ntire2023", "--data_dir", str(folder / "data")]
    assert codabench_command.main([*given, "--out", str(folder / "bundle.zip")]) == 0
    return folder / "bundle.zip"


@pytest.fixture(scope="module")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The bundle, unpacked as on the server, with an environment of its requirements alone."""
    return Server(bundle, tmp_path_factory.mktemp("server"))


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_upload_is_scored_and_one_of_the_other_phase_is_not(
    server: Server, tmp_path: Path
) -> None:
    scored = server.score(_zip(tmp_path / "good.zip", GOOD))
    assert (scored.returncode, scored.stderr) == (0, "")
    expected = [
        peak_signal_noise_ratio(
            hr[4 : sr.shape[0] - 4, 4 : sr.shape[1] - 4], sr[4:-4, 4:-4], data_range=255
        )
        for hr in HR.values()
        for sr in (_sr(hr),)
    ]
    scores = scored.scores
    assert scores is not None
    assert scores["psnr"] == pytest.approx(np.mean(expected), abs=1e-12)
    assert {key: scores[key] for key in ("runtime", "cpu", "extra_data")} == {
        **{"runtime": 0.01, "cpu": 0.0, "extra_data": 0.0}
    }
    keys = [column["key"] for column in server.competition["leaderboards"][0]["columns"]]
    assert list(scores) == keys
    assert "<td>0801.png</td>" in scored.page
    other = server.score(_zip(tmp_path / "good.zip", GOOD), phase=1)
    assert other.returncode == 1
    assert "'0901.png' is missing (and 1 more)" in other.error


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({**GOOD, A: GOOD[A][:200]}, "0801.png: damaged, or not an image"),
        ({A: GOOD[A]}, "the upload: '0802.png' is missing; add every image"),
        (
            {**GOOD, "../../\x1b[31m<script>.png": b"x"},
            "'\\x1b[31m<script>.png' is no image of this data set",
        ),
    ],
    ids=["damaged", "missing", "hostile"],
)
def test_what_cannot_be_scored_is_one_line_in_the_servers_environment(
    server: Server, tmp_path: Path, members: dict[str, bytes], expected: str
) -> None:
    _is_refused(server.score(_zip(tmp_path / "upload.zip", members)), 1, expected)


def _is_refused(scored: Scored, status: int, expected: str) -> None:
    assert scored.returncode == status
    assert scored.scores is None
    line = scored.error
    assert expected in line
    assert len(line.splitlines()) == 1
    assert line.rstrip("\n").isprintable()
    assert scored.stderr == f"error: {line}"
    assert "Not scored" in scored.page
    assert "<script" not in scored.page
    assert sorted(file.name for file in scored.output.iterdir()) == [
        *("detailed_results.html", "error.txt")
    ]


Change = Callable[[Path], object]
"""Of `input/res`, into which a good upload has been unpacked."""


def _put(name: str, content: bytes) -> Change:
    def change(res: Path) -> None:
        (res / name).parent.mkdir(parents=True, exist_ok=True)
        (res / name).write_bytes(content)

    return change


def _move(name: str, other: str) -> Change:
    def change(res: Path) -> None:
        (res / other).parent.mkdir(parents=True, exist_ok=True)
        (res / name).rename(res / other)

    return change


def _instead(make: Change) -> Change:
    def change(res: Path) -> None:
        (res / A).unlink()
        make(res / A)

    return change


def _deep(res: Path) -> None:
    # Not so deep that whoever removes it afterwards fails.
    res.joinpath(*"d" * 40).mkdir(parents=True)


def _empty(res: Path) -> None:
    shutil.rmtree(res)
    res.mkdir()
    (res / "metadata").write_text("exitCode: 0")


def _header(width: int, height: int) -> bytes:
    """A small PNG that promises another size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(chunk))
    return GOOD[A][:8] + struct.pack(">I", 13) + chunk + crc + GOOD[A][33:]


SIXTEEN = cv2.imencode(".png", _sr(HR[A]).astype(np.uint16) * 257)[1].tobytes()
ALPHA = _png(np.dstack([_sr(HR[A]), np.full((64, 48), 9, np.uint8)]))
ROTTEN = bytearray(GOOD[A])
ROTTEN[len(ROTTEN) // 2] ^= 255

DEFECTS: dict[str, tuple[Change, str]] = {
    "16 bits": (_put(A, SIXTEEN), "0801.png: a 16-bit image, not 8-bit; convert it"),
    "alpha": (_put(A, ALPHA), "0801.png: an image with an alpha channel"),
    "half": (_put(A, GOOD[A][: len(GOOD[A]) // 2]), "0801.png: damaged, or not an image"),
    "a bit flipped": (_put(A, bytes(ROTTEN)), "0801.png: damaged, or not an image"),
    "no bytes": (_put(A, b""), "0801.png: is no PNG image"),
    "another format": (
        _put(A, cv2.imencode(".jpg", _sr(HR[A]))[1].tobytes()),
        "0801.png: is no PNG image; save SR images as PNG",
    ),
    "size of LR": (_put(A, _png(_sr(HR[A])[::4, ::4])), "0801.png: is 12x16 px, the size of LR"),
    "a gigapixel": (_put(A, _header(60000, 60000)), "is 60000x60000 px; HR is 48x64"),
    "no pixels": (_put(A, _header(0, 0)), "is 0x0 px; HR is 48x64"),
    "what a bomb left": (_put(A, GOOD[A] + bytes(2**25)), "bytes, more than the"),
    "a readme of megabytes": (_put("readme.txt", bytes(2**20)), "readme.txt: has 1048576 bytes"),
    "a link": (
        _instead(lambda path: path.symlink_to("/etc/passwd")),
        "'0801.png' is a link or a device, not a file",
    ),
    "a link to a folder": (
        lambda res: (res / "more").symlink_to("/"),
        "'more' is a link or a device",
    ),
    "a pipe": (_instead(os.mkfifo), "'0801.png' is a link or a device"),
    "a folder for an image": (_instead(Path.mkdir), "'0801.png' is missing"),
    "capital letters": (_move(A, "0801.PNG"), "'0801.PNG' should be '0801.png'"),
    "named like LR": (_move(A, "0801x4.png"), "'0801x4.png' should be '0801.png'"),
    "one too many": (_put("0803.png", GOOD[B]), "'0803.png' is no image of this data set"),
    "twice": (
        _put("again/0801.png", GOOD[A]),
        "'0801.png' is there more than once; pack the images",
    ),
    "backslashes": (_move(A, "res\\0801.png"), "'res\\0801.png' has backslashes in its name"),
    "a zip in a zip": (_put("res.zip", b"PK"), "'res.zip' is an archive within the archive"),
    "escape sequence": (_put("\x1b]0;x\x07.png", b""), "'\\x1b]0;x\\x07.png' is no image"),
    "right to left": (_put("gnp\u202e.png", b""), "'gnp\\u202e.png' is no image"),
    "two lines": (_put("a\nerror: b.png", b""), "'a\\nerror: b.png' is no image"),
    "no UTF-8": (_put("\udcff.png", b""), "'\\udcff.png' is no image"),
    "HTML": (_put("<script>.png", b""), "'<script>.png' is no image"),
    "a long name": (_put("9" * 250 + ".png", b""), "is no image of this data set"),
    "folders in folders": (_deep, "holds far too many files, or folders within folders"),
    "nothing": (_empty, "holds no image; zip the SR images"),
    "no folder at all": (shutil.rmtree, "has a folder that cannot be read (No such file"),
}


def _run(server: Server, change: Change, folder: Path, capfd: pytest.CaptureFixture[str]) -> Scored:
    """Score within this process: the program is the same, its start is another test's subject."""
    run = server.lay_out(_zip(folder / "good.zip", GOOD))
    change(run / "input" / "res")
    capfd.readouterr()
    status = scoring_program.main([str(run / "input"), str(run / "output")])
    return Scored(status, capfd.readouterr().err, run / "output")


@pytest.mark.parametrize("defect", DEFECTS)
def test_an_upload_that_cannot_be_scored_costs_one_line(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], defect: str
) -> None:
    change, expected = DEFECTS[defect]
    _is_refused(_run(server, change, tmp_path, capfd), 1, expected)


def test_too_many_files_are_not_listed_to_the_end(
    server: Server,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("esr.tools.codabench.upload_folder._ENTRIES_AT_MOST", 100)

    def many(res: Path) -> None:
        for number in range(101):
            (res / f"{number}.txt").touch()

    _is_refused(_run(server, many, tmp_path, capfd), 1, "holds far too many files")


def _in_a_folder(res: Path) -> None:
    (res / "my results").mkdir()
    for name in GOOD:
        (res / name).rename(res / "my results" / name)


def _from_a_mac(res: Path) -> None:
    for name in (
        "__MACOSX/._0801.png",
        "._0802.png",
        ".DS_Store",
        "Thumbs.db",
        "sub/.git/0801.png",
    ):
        _put(name, b"\0")(res)


@pytest.mark.parametrize("change", [_in_a_folder, _from_a_mac])
def test_folders_and_what_systems_add_change_nothing(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], change: Change
) -> None:
    plain = _run(server, lambda res: None, tmp_path, capfd).scores
    assert plain is not None
    assert len(plain) == 5
    assert _run(server, change, tmp_path, capfd).scores == plain


def test_every_value_fits_the_servers_decimal(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def perfect(res: Path) -> None:
        for name, hr in HR.items():
            height, width = (side // 4 * 4 for side in hr.shape[:2])
            (res / name).write_bytes(_png(hr[:height, :width]))
        text = "runtime per image [s] : 1e300\nOther description : <img src=x onerror=alert(1)>"
        (res / "readme.txt").write_text(text)

    scored = _run(server, perfect, tmp_path, capfd)
    assert scored.scores == {"psnr": 200.0, "ssim": 1.0}
    assert "2 images equal HR" in scored.page
    assert "&lt;img src=x" in scored.page
    assert "<img" not in scored.page


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (lambda ref: (ref / "reference.json").unlink(), "reference.json: is missing or damaged"),
        (lambda ref: (ref / "reference.json").write_text("{}"), "is missing or damaged"),
        (lambda ref: (ref / "reference.json").write_text("[1]"), "is missing or damaged"),
        (lambda ref: (ref / "HR" / A).unlink(), "0801.png: cannot be read"),
    ],
)
def test_defects_of_the_competition_are_the_organizers(
    server: Server,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    defect: Change,
    expected: str,
) -> None:
    scored = _run(server, lambda res: defect(res.parent / "ref"), tmp_path, capfd)
    _is_refused(scored, 2, expected)
    assert "the data of this competition cannot be used" in scored.error
    assert "tell its organizers" in scored.error


def test_a_name_of_the_competition_moves_no_cursor(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def rename(res: Path) -> None:
        (res / A).rename(res / "\x1b[2J.png")
        reference = res.parent / "ref" / "reference.json"
        reference.write_text(reference.read_text().replace(A, "\\u001b[2J.png"))

    _is_refused(_run(server, rename, tmp_path, capfd), 2, "HR/\\x1b[2J.png: cannot be read")


def test_the_program_holds_the_modules_that_it_imports_and_no_other(
    server: Server, tmp_path: Path
) -> None:
    run = server.lay_out(_zip(tmp_path / "good.zip", GOOD))
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['score.py', {str(run / 'input')!r}, {str(run / 'output')!r}]\n"
        "try:\n    runpy.run_path('score.py', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "files = [getattr(m, '__file__', None) for m in sys.modules.values()]\n"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] == 'esr'), sep='\\n')\n"
        "print('FILES', *sorted(filter(None, files)), sep='\\n')\n"
    )
    done = subprocess.run(
        [str(server.python), "-c", program],
        cwd=run / "program",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    modules, files = done.stdout.split("FILES\n")
    closure = import_closure("esr.tools.codabench.scoring_program")
    loaded = modules.split("\n", 1)[1].split()
    assert loaded == list(closure.files)
    packed = {path.relative_to(run / "program") for path in (run / "program").rglob("*.py")}
    assert packed == {Path("score.py"), *(_below(file) for file in closure.files.values())}
    here = str(Path(__file__).parents[1])
    assert [file for file in files.splitlines() if file.startswith(f"{here}/")] == []


def _below(file: Path) -> Path:
    return file.relative_to(Path(__file__).parents[1])


def test_a_start_without_packages_says_what_is_missing(server: Server, tmp_path: Path) -> None:
    run = server.lay_out(_zip(tmp_path / "good.zip", GOOD))
    (run / "program" / "requirements.txt").write_text("no-such-package-here==9\n")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "score.py", str(run / "input"), str(run / "output")],
        cwd=run / "program",
        env={"PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: the image of this competition lacks numpy, cv2, PIL, and")
    assert len(done.stderr.splitlines()) == 1


def test_a_package_that_cannot_be_imported_is_one_line(server: Server, tmp_path: Path) -> None:
    program = server.bundle / "scoring_program"
    upload = _zip(tmp_path / "good.zip", GOOD)
    (program / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open\\nit')")
    try:
        scored = server.score(upload)
    finally:
        (program / "cv2.py").unlink()
    assert scored.returncode == 2
    assert scored.stderr == (
        "error: the image of this competition cannot import what it needs (libGL.so.1: cannot open"
        " it); tell the organizers\n"
    )


def test_the_example_of_the_starting_kit_scores_what_its_page_says(server: Server) -> None:
    kit = server.bundle / "starting_kit"
    page = (kit / "README.md").read_text()
    starts = ("    python -m zipfile", "    python scoring_program/score.py")
    commands = [line for line in page.splitlines() if line.startswith(starts)]
    assert len(commands) == 2
    (kit / "output").mkdir()
    for command in commands:
        words = [str(server.python), *command.split()[1:]]
        subprocess.run(words, cwd=kit, check=True, timeout=PATIENCE_S)
    scores = Scored(0, "", kit / "output").scores
    assert scores is not None
    # data/README.md: bicubic interpolation has 27.773 dB on the demo set.
    assert scores["psnr"] == pytest.approx(27.773, abs=5e-4)
    assert f"PSNR [dB] {scores['psnr']:.2f}, SSIM {scores['ssim']:.4f};" in page
    names = sorted(path.name for path in (kit / "LR").iterdir())
    with zipfile.ZipFile(io.BytesIO((kit / "example_upload.zip").read_bytes())) as archive:
        images = [name for name in archive.namelist() if name != "readme.txt"]
    assert [name.replace("x4", "") for name in names] == images
