"""`python -m esr pages factsheets|model_zoo|flags`: write pages of docs/ and model_zoo/.

    python -m esr pages factsheets --data_dir ../shared/data \
        --checkpoint_dir ../shared/networks/checkpoints
    python -m esr pages model_zoo [the same two, to measure; --model_id ID ...]
    python -m esr pages flags

Measuring needs Set5, Set14, B100 and Urban100, and the authors' checkpoints. Without them
`model_zoo` writes its page anew from what was measured before (`model_zoo/records.json`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from esr.base import json_file
from esr.base.command import Parser, command
from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.images.metrics import gain_db
from esr.tools.pages.factsheets_page import factsheets_page, lay_out
from esr.tools.pages.flags_page import flags_page
from esr.tools.pages.zoo_quality import (
    ZOO,
    CheckpointQuality,
    SetQuality,
    load_records,
    update_records,
)
from esr.tools.train.training_report import StageReport, TrainingReport

PROSE = ROOT / "docs" / "model_zoo"


def _parser() -> Parser:
    parser = Parser("python -m esr pages", description=__doc__.split("\n")[0])
    pages = parser.add_subparsers(dest="page", required=True, metavar="PAGE")
    pages.add_parser("flags")
    for name, is_needed in (("factsheets", True), ("model_zoo", False)):
        page = pages.add_parser(name)
        text = "folder of Set5, Set14, B100 and Urban100"
        page.add_argument("--data_dir", type=Path, required=is_needed, help=text)
        text = "folder of the authors' checkpoints"
        page.add_argument("--checkpoint_dir", type=Path, required=is_needed, help=text)
    page.add_argument("--model_id", type=int, nargs="+", help="measure these only")
    return parser


@command()
def main(arguments: list[str]) -> None:
    """Measure if asked to, and write a page."""
    given = _parser().parse_args(arguments)
    if given.page == "flags":
        json_file.write_text(ROOT / "docs" / "flags.md", flags_page())
        return
    if given.page == "factsheets":
        page = factsheets_page(given.data_dir, given.checkpoint_dir)
        json_file.write_text(ROOT / "docs" / "factsheets.md", page)
        return
    if given.data_dir and given.checkpoint_dir:
        update_records(given.data_dir, given.checkpoint_dir, given.model_id)
    elif given.data_dir or given.checkpoint_dir or given.model_id:
        raise UserError(
            "measuring needs both --data_dir and --checkpoint_dir", where="command line"
        )
    json_file.write_text(ZOO / "README.md", zoo_page(load_records()))


def zoo_page(records: Sequence[CheckpointQuality]) -> str:
    """Write the page: one row and one section a checkpoint.

    Raises:
        UserError: a checkpoint without training report, or with that of another file.
    """
    trained = [(quality, _report(quality)) for quality in records]
    sections = [_section(quality, report) for quality, report in trained]
    head, images = (
        (PROSE / f"{name}.md").read_text("utf-8") for name in ("head", "training_images")
    )
    return "\n".join([head, _overview(trained), *sections, images])


def _report(quality: CheckpointQuality) -> TrainingReport:
    report = json_file.load(TrainingReport, (ZOO / quality.checkpoint).with_suffix(".json"))
    if report.sha256 != quality.sha256:
        raise UserError(
            "its training report is of another file (the SHA-256 differs)",
            where=ZOO / quality.checkpoint,
            remedy="measure it again, or write its report again",
        )
    return report


def _overview(trained: Sequence[tuple[CheckpointQuality, TrainingReport]]) -> str:
    rows = []
    for quality, report in trained:
        on = {result.dataset: result for result in quality.sets}
        rows.append(
            [
                f"`{quality.checkpoint}`",
                f"x{quality.scale}",
                f"{report.size_bytes / 1e6:.2f}",
                f"{sum(stage.iterations for stage in report.stages):,}",
                f"{report.minutes:.0f}",
                *(f"{gain_db(result.psnr_db, result.bicubic_db):+.2f}" for result in on.values()),
                _from_authors(on["Set5"], 2),
            ]
        )
    sets = [result.dataset for result in trained[0][0].sets] if trained else []
    head = ["file", "scale", "MB", "iterations", "minutes", *sets, "authors' (Set5)"]
    return lay_out(rows, head)


def _section(quality: CheckpointQuality, report: TrainingReport) -> str:
    rows = [
        [
            f"{result.dataset} ({result.images} images)",
            f"{result.bicubic_db:.3f}",
            f"{result.psnr_db:.3f}",
            f"{gain_db(result.psnr_db, result.bicubic_db):+.3f}",
            "none" if result.authors_db is None else f"{result.authors_db:.3f}",
            _from_authors(result, 3),
        ]
        for result in quality.sets
    ]
    titles = ["set", "bicubic", "this checkpoint", "above bicubic"]
    titles += ["authors' checkpoint", "difference"]
    parts = [f"## {quality.checkpoint}", lay_out(rows, titles)]
    parts += [lay_out(_facts(quality, report), ["fact", "value"]), _stages(report.stages)]
    if report.remarks:
        parts.append("\n".join(f"- {remark}" for remark in report.remarks) + "\n")
    parts += [f"The command:\n\n    {report.command}\n"]
    return "\n".join(parts)


def _from_authors(result: SetQuality, digits: int) -> str:
    if result.authors_db is None:
        return "none"
    return f"{gain_db(result.psnr_db, result.authors_db):+.{digits}f}"


def _facts(quality: CheckpointQuality, report: TrainingReport) -> list[list[str]]:
    used = "; ".join(
        f"{data.images} of {data.folder}, {data.held_out} more held out" for data in report.data
    )
    form = f", form {quality.form}" if quality.form else ""
    profile = f", profile {report.profile}" if report.profile else ""
    authors = f"`{quality.authors_file}`, SHA-256 `{quality.authors_sha256}`"
    return [
        ["SHA-256", f"`{report.sha256}`"],
        ["network", f"`models/{report.model}.py`{form}, {quality.params:,} parameters"],
        ["authors' checkpoint", authors if quality.authors_file else "none is public"],
        ["recipe", f"`{report.recipe}`{profile}" if report.recipe else "none"],
        ["training images", used],
        ["held-out PSNR", _held_out(report)],
        ["hardware", f"{report.hardware}, {report.threads} CPU threads, PyTorch {report.torch}"],
        ["duration", f"{report.minutes:.1f} minutes of training steps, ended {report.date}"],
        ["program", f"{report.program}, commit {report.git_commit or 'unknown'}"],
        ["seed", str(report.seed)],
        ["measured", f"{quality.date}, {quality.device_name}, PyTorch {quality.torch}"],
    ]


def _held_out(report: TrainingReport) -> str:
    if report.held_out_psnr_db is None:
        return "not measured"
    bicubic = report.held_out_bicubic_db
    return f"{report.held_out_psnr_db:.3f} dB" + (
        "" if bicubic is None else f" (bicubic {bicubic:.3f} dB)"
    )


def _stages(stages: Sequence[StageReport]) -> str:
    rows = [
        [
            stage.name,
            stage.start,
            stage.loss,
            stage.optimizer,
            stage.schedule,
            f"{stage.iterations:,}",
            f"{stage.batch_size} of {stage.hr_patch_px}x{stage.hr_patch_px}",
            f"{stage.params:,}",
            f"{stage.minutes:.1f}",
        ]
        for stage in stages
    ]
    head = ["stage", "from", "loss", "optimizer", "learning rate"]
    return lay_out(rows, [*head, "iterations", "HR crops a step", "parameters", "minutes"])
