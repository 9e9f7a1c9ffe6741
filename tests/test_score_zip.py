"""Archives for the server of the challenge: what --make_zip writes, what score_zip makes of it."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from codabench_server import Server, write_without_kit
from harness import PATIENCE_S, Harness, run_program, smooth_image, write_image, zip_bytes
from skimage.metrics import peak_signal_noise_ratio
from synthetic import synthetic_record, synthetic_split

from esr.evaluate.upload.list_uploads import list_uploads
from esr.evaluate.upload.upload_format import Readme, read_readme, upload_file
from esr.evaluate.upload.write_upload import write_upload
from esr.submissions.sidecar import Team
from esr.tools.upload_scoring import score_zip

SIDECAR = """
[team]
name = "Tiny Team"
extra_data = false
description = "nearest neighbour"
"""


def _pair(folder: Path, name: str, hr: np.ndarray, suffix: str) -> None:
    lr = hr[: hr.shape[0] // 4 * 4 : 4, : hr.shape[1] // 4 * 4 : 4]
    write_image(folder.with_name(f"{folder.name}_HR") / f"{name}.png", hr)
    write_image(folder.with_name(f"{folder.name}_LR") / f"{name}{suffix}.png", lr)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """A run on both official sets: HR that x4 does not divide, a grey one, both styles of names."""
    harness = Harness(tmp_path_factory.mktemp("evaluated") / "harness")
    harness.add("team07_Tiny", sidecar=SIDECAR)
    data = harness.path / "data"
    _pair(data / "DIV2K_LSDIR_valid", "0000001", smooth_image(98, 87), "x4")
    _pair(data / "DIV2K_LSDIR_valid", "0801", smooth_image(96, 80, 1), "x4")
    _pair(data / "DIV2K_LSDIR_test", "0901", smooth_image(80, 96, 2)[..., 0], "")
    done = harness.run(
        *("--model_id", "7", "--data_dir", str(data), "--include_test", "--make_zip"),
        *("--metrics", "ssim", "psnr_y", "ssim_y", "--device", "cpu"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (harness.path / "printed.txt").write_text(done.stdout)
    return harness


def _score(harness: Harness, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "esr", "score_zip", *arguments],
        cwd=harness.path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize(("number", "role"), [(0, "valid"), (1, "test")])
def test_an_archive_scores_bit_for_bit_as_the_evaluation_did(
    evaluated: Harness, tmp_path: Path, number: int, role: str
) -> None:
    archive = evaluated.results / "07_Tiny" / f"{role}.zip"
    done = _score(
        evaluated,
        *(str(archive), "--data_dir", "data", "--role", role, "--per_image"),
        *("--metrics", "psnr_y", "ssim_y", "--json", str(tmp_path / "scores.json")),
    )
    assert done.returncode == 0, done.stderr
    split = evaluated.record("07_Tiny")["splits"][number]
    measured = [{"name": image["name"], "scores": image["scores"]} for image in split["images"]]
    scored = json.loads((tmp_path / "scores.json").read_text())
    assert scored["images"] == measured
    assert set(measured[0]["scores"]) == {"psnr", "ssim", "psnr_y", "ssim_y"}
    row = evaluated.rows()["07_Tiny"]
    assert float(row[f"{ {'valid': 'Val', 'test': 'Test'}[role] } PSNR"]) == scored["means"]["psnr"]
    for image in measured:
        assert f"{image['scores']['psnr']:.2f}" in done.stdout
        assert f"{image['scores']['ssim_y']:.4f}" in done.stdout


def test_a_competition_scores_the_archive_bit_for_bit_as_the_evaluation_did(
    evaluated: Harness, tmp_path: Path
) -> None:
    data, bundle = evaluated.path / "data", tmp_path / "bundle.zip"
    given = ["--data_dir", str(data), "--out", str(bundle)]
    write_without_kit([*given, "--metrics", "psnr_y", "ssim_y"])
    server = Server(bundle, tmp_path / "server")
    for phase, role in enumerate(("valid", "test")):
        scored = server.score(evaluated.results / "07_Tiny" / f"{role}.zip", phase)
        assert scored.returncode == 0, scored.stderr
        images = evaluated.record("07_Tiny")["splits"][phase]["images"]
        measured = [{"name": image["name"], "scores": image["scores"]} for image in images]
        assert json.loads((scored.output / "per_image.json").read_text()) == measured
        assert scored.scores is not None
        row = evaluated.rows()["07_Tiny"]
        assert scored.scores["psnr"] == float(row[f"{role.title().replace('Valid', 'Val')} PSNR"])
        assert scored.scores["cpu"] == 1.0
        for key in ("psnr", "ssim", "psnr_y", "ssim_y"):
            values = [image["scores"][key] for image in images]
            assert scored.scores[key] == sum(values) / len(values)


def test_an_archive_holds_sr_at_its_top_level_under_the_names_of_hr(evaluated: Harness) -> None:
    with zipfile.ZipFile(evaluated.results / "07_Tiny" / "valid.zip") as archive:
        assert archive.namelist() == ["0000001.png", "0801.png", "readme.txt"]
        assert archive.testzip() is None
        sr = cv2.imdecode(np.frombuffer(archive.read("0801.png"), np.uint8), cv2.IMREAD_UNCHANGED)
        readme = archive.read("readme.txt").decode()
    lr = cv2.imread(str(evaluated.path / "data" / "DIV2K_LSDIR_valid_LR" / "0801x4.png"))
    np.testing.assert_array_equal(sr, lr.repeat(4, 0).repeat(4, 1))
    split = evaluated.record("07_Tiny")["splits"][0]
    mean_s = np.mean([image["runtime_ms"] for image in split["images"]]) / 1000
    assert readme.splitlines() == [
        f"runtime per image [s] : {mean_s:.6f}",
        "CPU[1] / GPU[0] : 1",
        "Extra Data [1] / No Extra Data [0] : 0",
        "Other description : nearest neighbour",
    ]


def test_a_run_says_where_its_archives_are(evaluated: Harness) -> None:
    printed = (evaluated.path / "printed.txt").read_text().splitlines()
    files = {role: evaluated.results / "07_Tiny" / f"{role}.zip" for role in ("valid", "test")}
    sizes = {role: f"{file.stat().st_size / 1e6:.1f} MB" for role, file in files.items()}
    assert printed[-2:] == [
        f"To upload: {files['valid']} (2 images, {sizes['valid']})",
        f"To upload: {files['test']} (1 image, {sizes['test']})",
    ]


def test_what_a_readme_leaves_unsaid_is_named_with_the_place_to_state_it(tmp_path: Path) -> None:
    record = synthetic_record(42, "TinyNet", (synthetic_split("valid", 2, 10.0),))
    long_ago = replace(record.provenance, date="2001-01-01T00:00:00+00:00")
    record = replace(record, provenance=long_ago)
    file = upload_file(tmp_path, "42_TinyNet", record.splits[0].role)
    model_file = tmp_path / "models" / record.provenance.model_file
    assert [*list_uploads([record], tmp_path, tmp_path)] == []  # It could not be written.
    for path in (file, model_file):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (line,) = list_uploads([record], tmp_path, tmp_path)
    toml = f"models/{model_file.stem}.toml"
    assert line.endswith(
        '(2 images, 0.0 MB); its readme.txt says "not stated" for extra_data and description:'
        f" state it under [team] in {toml}, and run again"
    )
    titled = replace(record, sidecar=replace(record.sidecar, team=Team(title="A title")))
    model_file.unlink()  # An archive's or a clone's: nothing stands beside it here.
    (line,) = list_uploads([titled], tmp_path, tmp_path)
    assert line.endswith('"not stated" for extra_data: write it into readme.txt yourself')
    os.utime(file, (0, 0))
    assert [*list_uploads([record], tmp_path, tmp_path)] == []  # Of an earlier measurement.


def test_equal_images_make_equal_bytes_and_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    np.save(tmp_path / "sr.npy", smooth_image(40, 40))
    images = [("0801.png", tmp_path / "sr.npy")]
    for name in ("one.zip", "two.zip"):
        write_upload(tmp_path / name, images, Readme(0.1, False, None, None))
        (tmp_path / "sr.npy").touch()
    before = (tmp_path / "one.zip").read_bytes()
    assert before == (tmp_path / "two.zip").read_bytes()
    absent = [*images, ("0802.png", tmp_path / "absent.npy")]
    with pytest.raises(Exception, match=r"absent|one\.zip"):
        write_upload(tmp_path / "one.zip", absent, Readme())
    assert (tmp_path / "one.zip").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_unknown_is_said_to_be_and_read_back_as_unknown() -> None:
    text = Readme(description="two\nlines").text()
    assert text.count("not stated") == 3
    assert len(text.splitlines()) == 4
    assert read_readme(text) == Readme(description="two\\nlines")


def test_a_readme_of_another_program_is_read() -> None:
    text = (
        "\ufeffRuntime per image [s]: 10.43\r\ncpu[1]/gpu[0] :0\r\n"
        "Extra Data [1] / No Extra Data [0] : 1\r\nOther description : A+: \x1b[31mred\r\n"
    )
    assert read_readme(text.lstrip("\ufeff")) == Readme(10.43, False, True, "A+: \\x1b[31mred")
    assert read_readme("runtime per image [s] : nan\nCPU[1] / GPU[0] : yes") == Readme()


HR = {"0801": smooth_image(66, 50), "0802": smooth_image(48, 60, 1)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HR and LR of two images in the official folders."""
    folder = tmp_path_factory.mktemp("data")
    for name, hr in HR.items():
        _pair(folder / "DIV2K_valid", name, hr, "x4")
    return folder


def _png(image: np.ndarray, extension: str = ".png") -> bytes:
    order = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[
        image.shape[-1] if image.ndim == 3 else 2
    ]
    return cv2.imencode(extension, image if order is None else cv2.cvtColor(image, order))[
        1
    ].tobytes()


def _sr(hr: np.ndarray) -> np.ndarray:
    height, width = (side // 4 * 4 for side in hr.shape[:2])
    return np.clip(hr[:height, :width].astype(int) + 3, 0, 255).astype(np.uint8)


GOOD = {
    **{f"{name}.png": _png(_sr(hr)) for name, hr in HR.items()},
    "readme.txt": Readme(0.01, False, False, "nothing").text().encode(),
}
A, B = "0801.png", "0802.png"


_zip = partial(zip_bytes, method=zipfile.ZIP_DEFLATED)


def _tar(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo(A))
    return buffer.getvalue()


def _renamed(name: str, other: str) -> bytes:
    return _zip({other if key == name else key: value for key, value in GOOD.items()})


def _with(**image: bytes) -> bytes:
    return _zip({**GOOD, A: image["image"]})


def _without(name: str) -> bytes:
    return _zip({key: value for key, value in GOOD.items() if key != name})


def _patched(offset: int, form: str, value: int, archive: bytes | None = None) -> bytes:
    """Change a field of the first member in the directory; offsets are those of the local header."""
    data = bytearray(archive or _zip(GOOD))
    central = data.index(b"PK\x01\x02")
    for at in (offset, central + offset + 2):
        struct.pack_into(form, data, at, value)
    return bytes(data)


def _link() -> bytes:
    buffer = io.BytesIO(_without(A))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo(A)
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def _twice() -> bytes:
    buffer = io.BytesIO(_zip(GOOD))
    with zipfile.ZipFile(buffer, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(A, GOOD[A])
    return buffer.getvalue()


def _header(width: int, height: int) -> bytes:
    """A small PNG that promises a large image."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = GOOD[A][33:]
    return GOOD[A][:8] + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + rest


def _lying() -> bytes:
    """A member of 100 MB that its directory calls 1000 bytes."""
    return _patched(22, "<I", 1000, _zip({A: bytes(100 * 2**20), B: GOOD[B]}))


def _many(number: int) -> bytes:
    return _zip(GOOD | {f"{index}.png": b"" for index in range(number)}, method=zipfile.ZIP_STORED)


SIXTEEN = cv2.imencode(".png", _sr(HR["0801"]).astype(np.uint16) * 257)[1].tobytes()
ALPHA = _png(np.dstack([_sr(HR["0801"]), np.full((64, 48), 9, np.uint8)]))

DEFECTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"\x89PNG" * 50, "is no zip archive; pack the images"),
    "empty file": (lambda: b"", "is no zip archive"),
    "cut off": (lambda: _zip(GOOD)[:-300], "is cut off: its end is missing"),
    "directory damaged": (lambda: _zip(GOOD).replace(b"PK\x01\x02", b"PK\x01\x03"), "is damaged"),
    "empty archive": (lambda: _zip({}), "'0801.png' is missing (and 1 more)"),
    "image missing": (lambda: _without(B), "'0802.png' is missing; add every image"),
    "one too many": (
        lambda: _zip(GOOD | {"0803.png": GOOD[B]}),
        "'0803.png' is no image of this data set; leave it out: the data set has 2 images",
    ),
    "named like LR": (
        lambda: _zip({"0801x4.png": GOOD[A], "0802x4.png": GOOD[B]}),
        "'0801x4.png' should be '0801.png' (and 1 more); name SR images as the HR",
    ),
    "in a folder": (
        lambda: _zip({f"results/{name}": content for name, content in GOOD.items()}),
        "'results/0801.png' should be '0801.png' (and 1 more); zip the images themselves",
    ),
    "capital letters": (lambda: _renamed(A, "0801.PNG"), "'0801.PNG' should be '0801.png'"),
    "JPEG": (
        lambda: _renamed(A, "0801.jpg"),
        "'0801.jpg' should be '0801.png'; save SR images as PNG",
    ),
    "JPEG called PNG": (
        lambda: _with(image=_png(_sr(HR["0801"]), ".jpg")),
        "0801.png: is no PNG image",
    ),
    "size of LR": (
        lambda: _with(image=_png(_sr(HR["0801"])[::4, ::4])),
        "0801.png: is 12x16 px, the size of LR; HR is 48x64; upload SR of this size",
    ),
    "size of the whole HR": (
        lambda: _with(image=_png(HR["0801"])),
        "0801.png: is 50x66 px; HR is 48x64",
    ),
    "16 bits": (lambda: _with(image=SIXTEEN), "0801.png: a 16-bit image"),
    "alpha": (lambda: _with(image=ALPHA), "0801.png: an image with an alpha channel"),
    "half a PNG": (lambda: _with(image=GOOD[A][: len(GOOD[A]) // 2]), "0801.png: damaged"),
    "empty PNG": (lambda: _with(image=b""), "0801.png: is no PNG image"),
    "both wrong": (lambda: _zip({A: b"x", B: b"x"}), "is no PNG image (1 more images like this)"),
    "out of the archive": (
        lambda: _renamed(A, "../0801.png"),
        "'../0801.png' is a path that leads out",
    ),
    "absolute": (lambda: _renamed(A, "/tmp/0801.png"), "'/tmp/0801.png' is a path that leads out"),
    "drive": (lambda: _renamed(A, "C:/0801.png"), "'C:/0801.png' is a path that leads out"),
    "backslash": (lambda: _renamed(A, "..\\0801.png"), "is a path that leads out"),
    "backslash to a folder": (
        lambda: _zip({f"res\\{name}": content for name, content in GOOD.items()}),
        "'res\\0801.png' has backslashes in its name, where an archive separates folders by slashes"
        " (and 2 more); pack the images",
    ),
    "backslashes, deeper": (
        lambda: _renamed(B, "team 7\\x4\\0802.png"),
        "'team 7\\x4\\0802.png' has backslashes in its name",
    ),
    "server": (lambda: _renamed(A, "\\\\host\\0801.png"), "is a path that leads out"),
    "root of a drive": (lambda: _renamed(A, "\\0801.png"), "is a path that leads out"),
    "back out of a folder": (lambda: _renamed(A, "res\\..\\0801.png"), "is a path that leads out"),
    "a zip in a zip": (
        lambda: _zip({"upload.zip": _zip(GOOD)}),
        "'upload.zip' is an archive within the archive; unpack it, and pack the images",
    ),
    "a zip in a folder, beside the readme": (
        lambda: _zip({"res/Upload.ZIP": _zip(GOOD), "readme.txt": GOOD["readme.txt"]}),
        "'res/Upload.ZIP' is an archive within the archive",
    ),
    "a tar.gz in a zip": (
        lambda: _zip({"res.tar.gz": b"", "more.7z": b""}),
        "'res.tar.gz' is an archive within the archive (and 1 more)",
    ),
    "tar": (lambda: _tar("w"), "is a tar archive, no zip archive; pack the images"),
    "tar.gz": (lambda: _tar("w:gz"), "is a tar.gz archive, no zip archive"),
    "RAR": (lambda: b"Rar!\x1a\x07\x01\0" + bytes(99), "is a RAR archive, no zip archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(99), "is a 7z archive, no zip archive"),
    "NUL": (
        lambda: _renamed("readme.txt", "0803xpng~a").replace(b"0803xpng~a", b"0803.png\0a"),
        "'0803.png' is a path that leads out",
    ),
    "escape sequence": (lambda: _renamed(A, "\x1b[2J.png"), "'0801.png' is missing"),
    "surplus with escape sequence": (
        lambda: _zip(GOOD | {"\x1b[2J.png": b""}),
        "'\\x1b[2J.png' is no image of this data set",
    ),
    "link": (_link, "'0801.png' is a link or a device, not a file"),
    "encrypted": (lambda: _patched(6, "<H", 1), "'0801.png' is encrypted; pack the images"),
    "twice": (_twice, "'0801.png' is there more than once"),
    "LZMA": (
        lambda: _zip(GOOD, method=zipfile.ZIP_LZMA),
        "is packed by an unusual method (and 2 more)",
    ),
    "checksum": (lambda: _patched(14, "<I", 1), "0801.png: cannot be unpacked (Bad CRC-32"),
    "longer than said": (_lying, "0801.png: cannot be unpacked (Bad CRC-32"),
    "unpacks to too much": (
        lambda: _patched(22, "<I", 2**31),
        f"0801.png: unpacks to {2**31} bytes, more than the",
    ),
    "all of it too much": (lambda: _patched(22, "<I", 0xFFFFFFF0), "bytes, more than 4294967296"),
    "a bomb in one image": (lambda: _with(image=GOOD[A] + bytes(2**25)), "0801.png: unpacks to 33"),
    "a gigapixel": (
        lambda: _with(image=_header(60000, 60000)),
        "0801.png: is 60000x60000 px; HR is",
    ),
    "no pixels": (lambda: _with(image=_header(0, 0)), "0801.png: is 0x0 px; HR is"),
    "too many files": (lambda: _many(80), "holds 83 files, more than 66"),
    "a huge directory": (lambda: _many(5000), "its directory is far too long"),
    "a bomb in the readme": (
        lambda: _zip(GOOD | {"readme.txt": bytes(2**20)}),
        "readme.txt: unpacks to 1048576 bytes",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_an_archive_that_cannot_be_scored_costs_one_line(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    defect: str,
) -> None:
    make, expected = DEFECTS[defect]
    archive, empty = tmp_path / "upload.zip", tmp_path / "empty"
    archive.write_bytes(make())
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("TMPDIR", str(empty))
    tracemalloc.start()
    status = score_zip.main([str(archive), "--data_dir", str(data), "--protocol", "ntire2023"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    out, err = capfd.readouterr()
    assert (status, out) == (1, "")
    assert expected in err
    assert len(err.splitlines()) == 1
    assert err.rstrip("\n").isprintable()
    assert peak < 2**24
    assert list(empty.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"upload.zip", "empty"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["absent.zip"], "absent.zip: no such file"),
        (["."], "no such file"),
        (["upload.zip", "--data_dir", "absent"], "no such folder"),
        (["upload.zip", "--role", "test"], "no test set here"),
        (["upload.zip", "--role", "test", "--dataset", "Set5"], "goes without --role"),
        (["upload.zip", "--metrics", "vmaf"], "invalid choice"),
        (["upload.zip", "--scale", "0"], "invalid choice"),
        (["upload.zip", "--json", "upload.zip/x.json"], "cannot write here"),
    ],
)
def test_an_unusable_command_costs_one_line(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    (tmp_path / "upload.zip").write_bytes(_zip(GOOD))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(data, tmp_path / "data")
    where = [] if "--data_dir" in arguments else ["--data_dir", "data"]
    status = score_zip.main([*arguments, *where, "--protocol", "ntire2022"])
    _, err = capfd.readouterr()
    assert status == 2
    assert expected in err
    assert len(err.splitlines()) == 1


def _scores(data: Path, archive: bytes, tmp_path: Path) -> tuple[int, dict]:
    (tmp_path / "upload.zip").write_bytes(archive)
    (tmp_path / "scores.json").unlink(missing_ok=True)
    arguments = ["--data_dir", str(data), "--json", str(tmp_path / "scores.json")]
    status = score_zip.main([str(tmp_path / "upload.zip"), *arguments])
    written = tmp_path / "scores.json"
    # Strict, since JSON (RFC 8259) knows no Infinity.
    scores = json.loads(written.read_text(), parse_constant=pytest.fail) if written.exists() else {}
    return status, scores


def test_what_a_mac_and_other_programs_add_changes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = _scores(data, _zip(GOOD), tmp_path)[1]
    extra = {"__MACOSX/._0801.png": b"\0", ".DS_Store": b"\0", "__MACOSX/": b""}
    status, scores = _scores(data, b"#!/bin/sh\n" + _zip(GOOD | extra), tmp_path)
    assert status == 0
    assert scores["images"] == plain["images"]
    capsys.readouterr()
    assert _scores(data, _without("readme.txt"), tmp_path)[0] == 0
    assert "readme.txt is missing" in capsys.readouterr().out


def test_scores_are_those_of_scikit_image_and_infinite_for_hr_itself(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = _scores(data, _zip(GOOD), tmp_path)[1]["images"]
    for image, hr in zip(images, HR.values(), strict=True):
        sr = _sr(hr)
        inner = slice(4, sr.shape[0] - 4), slice(4, sr.shape[1] - 4)
        expected = peak_signal_noise_ratio(hr[inner], sr[inner], data_range=255)
        assert image["scores"]["psnr"] == pytest.approx(expected, abs=1e-12)
    capsys.readouterr()
    perfect = {
        f"{name}.png": _png(hr[: len(hr) // 4 * 4, : hr.shape[1] // 4 * 4])
        for name, hr in HR.items()
    }
    status, scores = _scores(data, _zip(perfect), tmp_path)
    assert (status, scores["means"]) == (0, {"psnr": "Infinity", "ssim": 1.0})
    assert "inf  1.0000" in capsys.readouterr().out


def test_no_change_of_bytes_gives_another_score_or_a_traceback(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archive = _zip(GOOD)
    original = _scores(data, archive, tmp_path)[1]["images"]
    random = np.random.default_rng(0)
    end = len(archive) - archive.index(b"PK\x01\x02")
    refused = 0
    for number in range(150):
        changed = bytearray(archive)
        # Every second change falls into the directory, which is short and matters most.
        places = len(archive) - 1 - random.integers(end if number % 2 else len(archive), size=2)
        for place in places:
            changed[place] = random.integers(256)
        status, scores = _scores(data, bytes(changed), tmp_path)
        assert status in (0, 1)
        assert status == 1 or scores["images"] == original
        refused += status
    assert refused > 50
    assert "Traceback" not in capfd.readouterr().err


def test_scoring_an_archive_comes_without_torch() -> None:
    program = "import sys, esr.tools.upload_scoring.score_zip; sys.exit('torch' in sys.modules)"
    run_program(program)
