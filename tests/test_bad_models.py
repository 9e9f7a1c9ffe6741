"""Submissions that are broken, each in its own way: one row and one line each, the rest unharmed."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, field

import pytest
import torch
from harness import Harness, nearest_state, tiny, write_pairs


@dataclass(frozen=True)
class Bad:
    """A broken submission and what its row must say."""

    stage: str
    says: tuple[str, ...]
    source: str = field(default_factory=tiny)
    state: object | None = None
    sidecar: str | None = None


class Payload:
    """Unpickling this would run a command."""

    def __reduce__(self):
        return (print, ("the checkpoint ran code",))


def _without(key: str) -> dict[str, torch.Tensor]:
    state = nearest_state()
    del state[key]
    return state


BAD = {
    "Raises": Bad("restore", ("ValueError: no thanks",), tiny("1 / 0", 'raise ValueError("no thanks")')),
    "NaN": Bad("restore", ("NaN",), tiny("self.up(self.body(x)) * float('nan')")),
    "WrongSize": Bad("restore", ("1x3x24x20", "x4 needs 1x3x96x80"), tiny("x")),
    "WrongDtype": Bad("restore", ("torch.int32",), tiny("self.up(self.body(x)).int()")),
    "Tuple": Bad("restore", ("a tuple, not a tensor",), tiny("(self.up(self.body(x)), x)")),
    "Nothing": Bad("restore", ("a NoneType, not a tensor",), tiny("None")),
    "Import": Bad("import", ("needs the package no_such_package", "--install"), "import no_such_package\n" + tiny()),
    "Syntax": Bad("import", ("SyntaxError",), "def f(:\n"),
    "NoClass": Bad("build", ("no class",), "X = 1\n"),
    "NoModule": Bad("build", ("Options", "no torch.nn.Module", "arch"), "class Options:\n    pass\n"),
    "Needs": Bad("build", ("TypeError", "depth"), tiny().replace("upscale=4", "depth, upscale=4")),
    "Exits": Bad("import", ("SystemExit: 0",), "import sys\nsys.exit(0)\n" + tiny()),
    "OsExit": Bad("crash", ("status 0", "stage restore"), tiny("x", "import os; os._exit(0)")),
    "Killed": Bad("crash", ("SIGKILL", "stage restore"), tiny("x", "import os; os.kill(os.getpid(), 9)")),
    "Missing": Bad("load", ("1 missing (body.bias)",), state=_without("body.bias")),
    "Unexpected": Bad("load", ("1 unexpected (tail.weight)",), state={**nearest_state(), "tail.weight": torch.ones(1)}),
    "Shape": Bad("load", ("2 wrong shape", "body.weight is 12x3x3x3, the network has 48x3x3x3"), state=nearest_state(2)),
    "NotAState": Bad("load", ("no state_dict", "epoch"), state={"epoch": 3}),
    "UnknownKey": Bad("discover", ("unknown key 'data_rnage'", "did you mean 'data_range'"), sidecar="data_rnage = 255.0\n"),
    "UnknownClaim": Bad("discover", ("unknown key 'claims.flops'", "flops_g"), sidecar="[claims]\nflops = 1.0\n"),
    "WrongType": Bad("discover", ("scale", "valid integer"), sidecar='scale = "4"\n'),
    "WrongRange": Bad("discover", ("data_range", "greater than 0"), sidecar="data_range = -1.0\n"),
    "NotToml": Bad("discover", ("cannot be read as TOML",), sidecar="scale: 4\n"),
}  # fmt: skip


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory):
    harness = Harness(tmp_path_factory.mktemp("zoo") / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.add("team00_First")
    for number, (name, bad) in enumerate(BAD.items(), start=1):
        harness.add(f"team{number:02d}_{name}", bad.source, bad.state, bad.sidecar)
    _break_checkpoint(harness, "team50_Truncated", lambda data: data[: len(data) // 2])
    _break_checkpoint(harness, "team51_Text", lambda _: b"not a checkpoint at all")
    _break_checkpoint(harness, "team52_Pickle", lambda _: pickle.dumps(Payload()))
    harness.add("team53_Module", tiny(), state=torch.nn.Conv2d(3, 3, 1))
    harness.add("team54_NoCheckpoint")
    (harness.path / "model_zoo" / "team54_NoCheckpoint.pth").unlink()
    harness.add("team99_Last")
    return harness, harness.run("--model_id", "all")


def _break_checkpoint(harness: Harness, stem: str, damage) -> None:
    harness.add(stem)
    path = harness.path / "model_zoo" / f"{stem}.pth"
    path.write_bytes(damage(path.read_bytes()))


def _row(zoo, name: str) -> dict[str, str]:
    harness, _ = zoo
    return next(row for label, row in harness.rows().items() if label.endswith(f"_{name}"))


@pytest.mark.parametrize("name", BAD)
def test_a_broken_submission_is_one_row_with_stage_and_reason(zoo, name: str) -> None:
    bad, row = BAD[name], _row(zoo, name)
    assert (row["Status"], row["Failed stage"]) == ("failed", bad.stage), row["Reason"]
    assert "\n" not in row["Reason"]
    for text in bad.says:
        assert text in row["Reason"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Truncated", "truncated or no checkpoint"),
        ("Text", "team51_Text.pth: is truncated or no checkpoint"),
        ("Pickle", "could run code"),
        ("Module", "could run code"),
    ],
)
def test_a_damaged_or_dangerous_checkpoint_is_refused(zoo, name: str, says: str) -> None:
    row = _row(zoo, name)
    assert row["Failed stage"] == "load"
    assert says in row["Reason"]
    logs = "".join(path.read_text() for path in (zoo[0].results / "logs").glob("*.log"))
    assert "the checkpoint ran code" not in logs


def test_a_missing_checkpoint_says_where_it_is_expected(zoo) -> None:
    row = _row(zoo, "NoCheckpoint")
    assert row["Failed stage"] == "discover"
    assert "expected model_zoo/team54_NoCheckpoint.pth" in row["Reason"]


def test_the_honest_ones_before_and_after_are_measured(zoo) -> None:
    first, last = _row(zoo, "First"), _row(zoo, "Last")
    assert first["Status"] == last["Status"] == "ok"
    assert first["Val PSNR"] == last["Val PSNR"] != ""


def test_the_run_ends_with_status_1_and_no_traceback(zoo) -> None:
    _, done = zoo
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_failures_stay_out_of_the_official_files(zoo) -> None:
    results = json.loads((zoo[0].results / "results.json").read_text())
    assert set(results) == {"00_First", "99_Last"}


def test_the_list_names_what_is_broken(zoo) -> None:
    harness, _ = zoo
    done = harness.run("--list")
    assert done.returncode == 0
    assert "unknown key 'data_rnage'" in " ".join(done.stdout.split())
    assert "missing" in done.stdout
    assert "no checkpoint: expected" in " ".join(done.stdout.split())


def test_a_hang_ends_at_the_time_limit(harness: Harness) -> None:
    harness.add("team01_Hangs", tiny("x", "import time; time.sleep(600)"))
    done = harness.run("--model_id", "1", "--timeout", "5")
    row = harness.rows()["01_Hangs"]
    assert done.returncode == 1
    assert row["Failed stage"] == "timeout"
    assert "no result after 5 s" in row["Reason"]


def test_a_failure_keeps_the_earlier_record(harness: Harness) -> None:
    assert harness.run().returncode == 0
    before, official = harness.record("00_Tiny"), (harness.results / "results.json").read_bytes()
    harness.add("team00_Tiny", tiny("None"))
    done = harness.run()
    row = harness.rows()["00_Tiny"]
    assert done.returncode == 1
    assert harness.record("00_Tiny") == before
    assert (harness.results / "results.json").read_bytes() == official
    assert row["Status"] == "stale"
    assert float(row["Val PSNR"]) > 0
    harness.add("team00_Tiny")
    assert harness.run().returncode == 0
    assert harness.rows()["00_Tiny"]["Status"] == "ok"


def test_two_files_of_one_id_are_both_named(harness: Harness) -> None:
    harness.add("team00_Other")
    done = harness.run()
    assert done.returncode == 1
    reasons = {row["Reason"] for row in harness.rows().values()}
    assert reasons == {"team00_Other.py and team00_Tiny.py claim the same id"}
    assert set(harness.rows()) == {"team00_Other", "team00_Tiny"}


CHANNEL = (
    "import os; links = [(n, f'/proc/self/fd/{n}') for n in range(3, 99)]; fd ="
    " [n for n, link in links if os.path.islink(link) and 'socket' in os.readlink(link)][0]"
)
HOSTILE = {
    "RmCwd": "import os, shutil; shutil.rmtree(os.getcwd(), ignore_errors=True); os._exit(0)",
    "Realtime": "import os; os.kill(os.getpid(), 35)",
    "Stage": f'{CHANNEL}; os.write(fd, b\'["stage", "done"]\\n\'); os._exit(0)',
    "Garbage": f"{CHANNEL}; os.write(fd, bytes([255, 254, 10])); os._exit(0)",
    "Forged": f"{CHANNEL}; os.write(fd, b'[\"measurement\", {{}}]\\n'); os._exit(0)",
    "Endless": f"{CHANNEL}; [os.write(fd, bytes(65536)) for _ in range(1000)]",
    "Empty": "import atexit, os, pathlib; os._exit = lambda s: ([p.write_bytes(b'') for p in pathlib.Path('sr').iterdir()], os.kill(0, 9) if s else exit())",
    "Flood": "import sys\n        while True: sys.stdout.write('x' * 65536)",
    "Terminal": "raise ValueError('red \\x1b[31m and\\nnext line')",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory):
    harness = Harness(tmp_path_factory.mktemp("hostile") / "harness")
    write_pairs(harness.path / "data" / "demo")
    process = harness.path / "esr" / "sandbox" / "inside" / "bounded_process.py"
    process.write_text(process.read_text().replace("FILE_AT_MOST = 2**30", "FILE_AT_MOST = 2**22"))
    for number, (name, deed) in enumerate(HOSTILE.items(), start=1):
        harness.add(f"team{number:02d}_{name}", tiny("self.up(self.body(x))", deed))
    harness.add("team40_Scale", sidecar="scale = 2\n")
    harness.add("team41_Folder")
    (harness.path / "model_zoo" / "team41_Folder.pth").unlink()
    (harness.path / "model_zoo" / "team41_Folder.pth").mkdir()
    harness.add("team42_Gone")
    (harness.path / "model_zoo" / "team42_Gone.pth").unlink()
    (harness.path / "model_zoo" / "team42_Gone.pth").symlink_to("nowhere.pth")
    harness.add("team99_Last")
    return harness, harness.run("--model_id", "all", "--timeout", "600")


@pytest.mark.parametrize(
    ("name", "stage", "says"),
    [
        ("RmCwd", "crash", "left no result"),
        ("Realtime", "crash", "signal 35"),
        ("Stage", "invalid", "'stage done' out of turn"),
        ("Garbage", "invalid", "does not hold what it should"),
        ("Forged", "invalid", "'measurement' out of turn"),
        ("Endless", "invalid", "has no end"),
        ("Empty", "invalid", "SR images were changed after their turn"),
        ("Flood", "restore", "File too large"),
        ("Terminal", "restore", "red [31m and next line"),
        ("Scale", "discover", "no LR images of scale 2"),
        ("Folder", "discover", "expected model_zoo/team41_Folder.pth"),
        ("Gone", "discover", "expected model_zoo/team42_Gone.pth"),
    ],
)
def test_a_hostile_submission_costs_one_row(hostile, name: str, stage: str, says: str) -> None:
    row = _row(hostile, name)
    assert (row["Status"], row["Failed stage"]) == ("failed", stage), row["Reason"]
    assert says in row["Reason"]


def test_the_submission_after_the_hostile_ones_is_measured(hostile) -> None:
    harness, done = hostile
    assert done.returncode == 1
    assert _row(hostile, "Last")["Status"] == "ok"
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert next((harness.results / "logs").glob("*_Flood.log")).stat().st_size <= 2**22
