"""What `--list` reads of strangers: within bounds, within seconds, and a row each.

Nobody has asked yet to run anything, so one hostile file must neither take the machine's memory nor
end the list of the others.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
import torch
from harness import PATIENCE_S, Harness, nearest_state, tiny

from esr.base.errors import UserError
from esr.measure.loading.state_dict import fit
from esr.submissions.environments.stated_requirements import parsed

MEMORY_MIB = 400
"""Of a process that lists; it needs 80 for what is honest."""


def _packed(name: bytes, method: int, data: bytes, size: int) -> bytes:
    """Make a zip archive of one member that says that it has `size` bytes (PKWARE APPNOTE)."""
    sizes = struct.pack("<3I", 0, len(data), size)
    start = struct.pack("<3H4x", 20, 0, method) + sizes + struct.pack("<2H", len(name), 0)
    local = b"PK\3\4" + start + name + data
    central = b"PK\1\2" + struct.pack("<H", 20) + start + bytes(14) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _bomb(total: int) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    data = b"".join(packer.compress(bytes(2**24)) for _ in range(total // 2**24))
    return _packed(b"archive/data.pkl", 8, data + packer.flush(), 100)


def _long_directory(entries: int) -> bytes:
    entry = b"PK\1\2" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"x"
    size = entries * len(entry)
    end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, 4)
    last = struct.pack("<4sIQI", b"PK\6\7", 0, 4 + size, 1)
    full = (0xFFFF,) * 4 + (0xFFFFFFFF,) * 2
    return b"PK\3\4" + entry * entries + end + last + struct.pack("<4s4H2IH", b"PK\5\6", *full, 0)


SOURCES = {
    # Python's parser calls itself for each of these, and gives up in two ways.
    "11_Minus": ("x = " + "-" * 100_000 + "1", "cannot be read"),
    "12_Attributes": ("x = lambda: a" + ".b" * 100_000, "cannot be read"),
    # Names that no package can have; the first is the most ordinary of all.
    "13_Own": ("import _own\n" + tiny(), "ready"),
    "14_Letters": ("import \u00f1and\u00fa\n" + tiny(), "ready"),
    "15_Long": ("import " + "a" * 100_000 + "\n" + tiny(), "ready"),
    "16_Many": ("import " + ", ".join(f"a{n}" for n in range(20_000)) + "\n" + tiny(), "needs"),
}


MEASURED = """
import resource, runpy, sys
sys.argv = ["test_demo.py", "--list", *sys.argv[1:]]
try:
    runpy.run_path("test_demo.py", run_name="__main__")
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


def _list(harness: Harness, *arguments: str) -> str:
    done = subprocess.run(
        ["timeout", "-s", "KILL", "100", sys.executable, "-c", MEASURED, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=harness.path,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stderr.splitlines()[-1]) < MEMORY_MIB
    return done.stdout


def test_one_file_ends_no_list_and_takes_no_memory(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "harness")
    for label, (source, _) in SOURCES.items():
        harness.add(f"team{label}", source)
    checkpoints = {"21_Bomb": _bomb(2**30), "22_Directory": _long_directory(1_000_000)}
    for label, content in checkpoints.items():
        harness.add(f"team{label}")
        (harness.path / "model_zoo" / f"team{label}.pth").write_bytes(content)
    harness.add("team99_Last")
    printed = _list(harness)
    rows = {line.split()[1]: line for line in printed.splitlines() if line[:4].strip().isdigit()}
    for label, (_, says) in SOURCES.items():
        assert says in rows[label.partition("_")[2]]
    assert {"Bomb", "Directory"} < rows.keys()
    assert "ready" in rows["Last"]


LADDER = """
import torch
def select_model(args, device):
    model_id = args.model_id
    if {test}:
        name, data_range = {name}, 1.0
        from models.team00_a import Tiny
        model = Tiny()
        model.load_state_dict(torch.load("model_zoo/team00_a.pth"))
    else:
        raise NotImplementedError
    return model, name, data_range, None
"""


@pytest.mark.parametrize(
    ("test", "name"),
    [
        # Python looks for what is no number in a range by counting to its end, uninterruptibly.
        ("'a' in range(10000000000000) or model_id == 0", "'00_a'"),
        ("model_id == 0", " + ".join(["'a'"] * 900)),
    ],
)
def test_a_clones_script_is_read_to_an_end(tmp_path: Path, test: str, name: str) -> None:
    harness = Harness(tmp_path / "harness")
    clone = tmp_path / "clone"
    (clone / "models").mkdir(parents=True)
    (clone / "models" / "team00_a.py").write_text("import numpy\n" + tiny())
    (clone / "requirements.txt").write_text(f"numpy=={'9' * 5000}\na; {'(' * 5000}\n")
    (clone / "test_demo.py").write_text(LADDER.format(test=test, name=name))
    assert "by select_model" in _list(harness, "--submission", str(clone))


def test_more_ids_than_anybody_has_are_refused(tmp_path: Path) -> None:
    from esr.submissions.clone.discover_clone import discover_clone

    ids = ", ".join(map(str, range(200_000)))
    (tmp_path / "test_demo.py").write_text(LADDER.format(test=f"model_id in [{ids}]", name="'a'"))
    with pytest.raises(UserError, match="too long to be followed for 200000 ids"):
        discover_clone(tmp_path)


@pytest.mark.parametrize(
    "text", ["a; " + "(" * 200, "a; " + "(" * 5000, "a" * 500, "a==" + "9" * 500]
)
def test_a_requirement_is_short(text: str) -> None:
    with pytest.raises(UserError, match="is no requirement"):
        parsed(text)


def _itself() -> dict:
    loaded: dict = {}
    loaded["model"] = loaded["net"] = loaded
    return loaded


def _deep() -> dict:
    loaded: dict = {}
    for _ in range(100_000):
        loaded = {"model": loaded}
    return loaded


def _cubed() -> dict:
    # Looked into anew wherever it is named, it has 2000^3 entries.
    loaded: dict = dict.fromkeys(map(str, range(2000)), 1)
    for _ in range(2):
        loaded = dict.fromkeys(map(str, range(2000)), loaded)
    return loaded


@pytest.mark.parametrize("make", [_itself, _deep, _cubed])
def test_a_checkpoint_that_holds_itself_holds_no_state_dict(make) -> None:
    with pytest.raises(UserError, match="holds no state_dict"):
        fit(make(), Path("x.pth"), ["body.weight"])


def test_a_sound_checkpoint_is_still_looked_into(tmp_path: Path) -> None:
    from esr.submissions.foreseen_problems import _read_keys

    file = tmp_path / "x.pth"
    torch.save(nearest_state(), file)
    assert {"body.weight", "body.bias"} <= set(_read_keys(file))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(file) as old:
        for name in old.namelist():
            archive.writestr(name, old.read(name))
    file.write_bytes(other.getvalue())
    assert "body.weight" in _read_keys(file)
