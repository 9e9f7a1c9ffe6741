"""Files that were meant as a submission's checkpoint and are not found as one: named with a reason.

They are known by their names alone; nothing is opened. What a checkpoint that is found holds, the
worker says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from esr.base.archive_kind import SUFFIXES as ARCHIVE_SUFFIXES
from esr.base.visible_text import one_line
from esr.submissions.submission import CHECKPOINT_SUFFIXES

_TEAM_NUMBER = re.compile(r"team(\d+)")
_ANY_TEAM_NUMBER = re.compile(r"team[ _-]*(\d+)[ _-]*|(\d+)[ _-]+", re.IGNORECASE)
_OWN_SUFFIXES = (
    *(".py", ".pyc", ".toml", ".json", ".md", ".txt", ".log", ".csv", ".yaml", ".yml", ".ipynb"),
    *(".png", ".jpg", ".jpeg", ".pdf", ".html", ".docx", ".bak", ".orig"),
)
"""Of what else lies beside models and checkpoints."""
_DOWNLOADING = (".part", ".crdownload", ".download", ".tmp", ".aria2")
_OTHERS = (".onnx", ".h5", ".hdf5", ".keras", ".pb", ".tflite", ".npz", ".npy", ".mat", ".gguf")
"""Of other programs, whose files no renaming makes a state_dict."""
_FOREIGN_SUFFIXES = (*CHECKPOINT_SUFFIXES, *ARCHIVE_SUFFIXES, *_DOWNLOADING, *_OTHERS)
_NAME_AT_LEAST = 3
"""Letters of a model's name that tell something where they stand in another."""
_ALIKE = 0.8
"""Of two names, for one to be a misspelling of the other."""


@dataclass(frozen=True)
class NearMiss:
    """A file, and why it is not the checkpoint."""

    rank: int
    """How near it is; the nearest is named."""
    name: str
    """As seen from the folder that holds `models/` and `model_zoo/`."""
    reason: str
    """With what to do."""


def team_number(stem: str) -> int | None:
    """Read the id that a file name begins with, as the registry needs it."""
    match = _TEAM_NUMBER.match(stem)
    return int(match[1]) if match else None


def describe_near_misses(model_file: Path, stated: str | None) -> str:
    """Name the file that was most likely meant, and count the others; empty if there is none.

    Args:
        model_file: the model file, in `models/`.
        stated: file name of the checkpoint that the sidecar says.
    """
    wanted = stated or f"{model_file.stem}.pth"
    nearest = sorted(_near(model_file, wanted), key=lambda miss: (miss.rank, miss.name))
    # Where a folder holds the file, the file is meant.
    names = [miss.name for miss in nearest]
    nearest = [
        miss for miss in nearest if not any(name.startswith(f"{miss.name}/") for name in names)
    ]
    if not nearest:
        return ""
    first, *others = nearest
    more = f" (and {len(others)} more like it)" if others else ""
    return f"{one_line(first.name, 100)} is there{more}: {first.reason}"


def _near(model_file: Path, wanted: str) -> Iterator[NearMiss]:
    root = model_file.parent.parent
    zoo = root / "model_zoo"
    for folder in (zoo, *_folders_in(zoo), model_file.parent, root):
        in_zoo = folder.is_relative_to(zoo)
        for path in _entries(folder):
            near = _judge(path, folder == zoo, model_file.stem, wanted)
            if near is not None and _may_be_meant(path, in_zoo):
                yield NearMiss(near[0], path.relative_to(root).as_posix(), near[1])


def _may_be_meant(path: Path, in_zoo: bool) -> bool:
    """Tell what may be a checkpoint from what else lies there; outside the zoo, by its suffix."""
    if _has_suffix(path.stem, CHECKPOINT_SUFFIXES):
        return True
    if in_zoo:
        return not _has_suffix(path.name, _OWN_SUFFIXES)
    return not path.is_dir() and _has_suffix(path.name, _FOREIGN_SUFFIXES)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir() and not path.name.startswith(".")]


def _judge(path: Path, in_zoo: bool, stem: str, wanted: str) -> tuple[int, str] | None:
    kinship = _kinship(first_stem(path.name), stem, first_stem(wanted))
    if kinship is None or path.name.startswith("."):
        return None
    rank, name_problem = kinship
    problem = _problem(path, name_problem, wanted)
    if problem is not None:
        return rank, problem
    if not in_zoo:
        return rank, "move it into model_zoo/"
    # The sidecar states another suffix: without it, this file would have been found.
    return rank, f"the TOML file states {wanted}; state this name, or rename it"


def _problem(path: Path, name_problem: str, wanted: str) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-1] if suffixes else ""
    rename = f"rename it to {wanted}"
    if path.is_dir():
        return "it is a folder, not a file; put the checkpoint itself into model_zoo/"
    if path.is_symlink() and not path.exists():
        return "it is a link that leads nowhere; put the checkpoint itself there"
    if last in _DOWNLOADING:
        return "its download is not finished; let it end, or download it again"
    # `torch.save` was told `.pth.tar` by many; it is no archive.
    if last in ARCHIVE_SUFFIXES and suffixes[-2:] != [".pth", ".tar"]:
        return "it is an archive; unpack it, and put the checkpoint in it into model_zoo/"
    if last in _OTHERS:
        return f"{last} is of another program; {_SAVE}"
    if path.suffix not in CHECKPOINT_SUFFIXES:
        is_capital = last in CHECKPOINT_SUFFIXES
        kind = "in capital letters" if is_capital else f"none of {', '.join(CHECKPOINT_SUFFIXES)}"
        return f"its suffix is {kind}; {rename}"
    return f"{name_problem}; {rename}, or state it in the TOML file" if name_problem else None


_SAVE = "save the state_dict: torch.save(model.state_dict(), PATH)"


def _kinship(stem: str, model_stem: str, wanted: str) -> tuple[int, str] | None:
    """Compare names without their suffixes: how near they are, and what differs."""
    if stem == wanted:
        return 0, ""
    if stem.lower() == wanted.lower():
        return 1, "capital letters count in its name"
    number, name = split_stem(stem)
    model_number, model_name = split_stem(model_stem)
    if number is not None and number == model_number:
        known = team_number(stem) == number
        return 2, "" if known else f"its name does not begin with team{number:02d}"
    if name.lower() == model_name.lower() and name:
        return 3, "it has another id" if number is not None else "its name has no id"
    if number is None and SequenceMatcher(None, stem.lower(), wanted.lower()).ratio() >= _ALIKE:
        return 4, "its name is a little different"
    if number is None and _is_within(model_name, stem):
        return 5, "its name has no id"
    return None


def _is_within(model_name: str, stem: str) -> bool:
    """Whether a name holds a model's as words of its own: `tinynet_best` that of TinyNet."""
    words, those_of_model = _split_words(stem), _split_words(model_name)
    count = len(those_of_model)
    if sum(map(len, those_of_model)) < _NAME_AT_LEAST:
        return False
    starts = range(len(words) - count + 1)
    return any(words[start : start + count] == those_of_model for start in starts)


def _split_words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.lower())


def split_stem(stem: str) -> tuple[int | None, str]:
    """Read a number at the beginning of a name, however it is spelt, and what follows it."""
    match = _ANY_TEAM_NUMBER.match(stem)
    return (int(match[1] or match[2]), stem[match.end() :]) if match else (None, stem)


def _has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    return Path(name).suffix.lower() in suffixes


def first_stem(name: str) -> str:
    """Take a name up to the first suffix that is known; names may hold dots themselves."""
    stem = name
    while _has_suffix(stem, (*_FOREIGN_SUFFIXES, *_OWN_SUFFIXES)):
        stem = Path(stem).stem
    return stem if stem != name else Path(name).stem
