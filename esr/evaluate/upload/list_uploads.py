"""What `--make_zip` has written: where, how much, and what it leaves unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from esr.base.house import ROOT
from esr.base.visible_text import one_line
from esr.evaluate.upload.upload_format import NAME, upload_file
from esr.evaluate.upload.write_upload import describe_run
from esr.records.record import Record
from esr.records.split_result import SplitResult


def list_uploads(records: Iterable[Record], save_dir: Path, root: Path = ROOT) -> Iterator[str]:
    """Describe the archives of records that were made with `--make_zip`.

    Args:
        records: of a run.
        save_dir: the results folder.
        root: holds `models/`, beside whose files a TOML file may stand.

    Yields:
        a line for each archive that is there and is of its record; one that could not be written
        was announced when that happened
    """
    for record in records:
        for split in record.splits:
            path = upload_file(save_dir, record.label, split.role)
            if (size := _measure(path, record)) is not None:
                yield _describe(path, size, split, record, root)


def _measure(path: Path, record: Record) -> int | None:
    """Tell an archive's bytes; None if it is absent, or of an earlier measurement."""
    try:
        written = path.stat()
        began_s = datetime.fromisoformat(record.provenance.date).timestamp()
    except (OSError, ValueError):
        return None
    return written.st_size if written.st_mtime >= began_s else None


def _describe(path: Path, size: int, split: SplitResult, record: Record, root: Path) -> str:
    count = len(split.images)
    images = f"{count} image{'' if count == 1 else 's'}, {size / 1e6:.1f} MB"
    readme = describe_run(record.sidecar.team, split.runtime_ms, record.machine.device)
    unstated = " and ".join(readme.list_unstated())
    line = f"To upload: {path} ({images})"
    if not unstated:
        return line
    return f'{line}; its {NAME} says "not stated" for {unstated}: {_say_where(record, root)}'


def _say_where(record: Record, root: Path) -> str:
    model_file = root / "models" / record.provenance.model_file
    if record.fork is None and model_file.is_file():
        name = one_line(model_file.with_suffix(".toml").name)
        return f"state it under [team] in models/{name}, and run again"
    return f"write it into {NAME} yourself"
