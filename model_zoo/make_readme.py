"""Write model_zoo/README.md from the training reports and from measurements.

    python -m model_zoo.make_readme --data_dir ../shared/data \
        --checkpoint_dir ../shared/networks/checkpoints [--model_id ID ...]

measures the checkpoints (all, or those of some submissions), keeps the figures in
`model_zoo/records.json`, and writes the page; without arguments it only writes the page anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from esr.base import json_file
from esr.base.errors import ExitCode, UserError
from model_zoo.page import page
from model_zoo.quality import ZOO, CheckpointQuality, measure, merge, shipped

README = ZOO / "README.md"
RECORDS = ZOO / "records.json"


def main(arguments: Sequence[str]) -> int:
    """Measure if asked to, and write the page."""
    parser = argparse.ArgumentParser("python -m model_zoo.make_readme")
    parser.add_argument("--data_dir", type=Path, help="folder of Set5, Set14, B100 and Urban100")
    parser.add_argument("--checkpoint_dir", type=Path, help="folder of the authors' checkpoints")
    parser.add_argument("--model_id", type=int, nargs="+", help="measure these only")
    options = parser.parse_args(arguments)
    try:
        if options.data_dir and options.checkpoint_dir:
            update(options.data_dir, options.checkpoint_dir, options.model_id)
        elif options.data_dir or options.checkpoint_dir or options.model_id:
            parser.error("measuring needs both --data_dir and --checkpoint_dir")
        json_file.write_text(README, page(load_records()))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return ExitCode.UNUSABLE
    return ExitCode.OK


def update(data_dir: Path, checkpoint_dir: Path, ids: Sequence[int] | None) -> None:
    """Measure checkpoints, and keep each result at once."""
    for submission in shipped().values():
        if ids is None or submission.model_id in ids:
            measured = measure(submission, data_dir, checkpoint_dir)
            json_file.dump(merge(load_records(), [measured]), RECORDS)


def load_records() -> list[CheckpointQuality]:
    """Read what was measured before."""
    return json_file.load(list[CheckpointQuality], RECORDS) if RECORDS.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
