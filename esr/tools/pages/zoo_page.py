"""The text of model_zoo/README.md."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from esr.base.errors import UserError
from esr.tools.pages.zoo_quality import ZOO, CheckpointQuality, SetQuality
from esr.tools.train.training_report import StageReport, TrainingReport, load_report

HEAD = """# Checkpoints
Written by `python -m esr pages model_zoo`: edit that program, not this page.

One file for each submission, found by its name: `team{NN}*.pth`, `.pt`, `.ckpt` or `.pkl` belongs
to `models/team{NN}_{Name}.py`. The `.json` beside a checkpoint says how it was trained,
`records.json` what all of them score.

**None of these is a weight file of the challenge's participants or organizers.** This project
trained them with `train.py` and the recipes in `recipes/`, so that the harness runs out of the box.
The architectures are the submissions', hence parameters, FLOPs, activations and runtime are
comparable; the PSNR is that of a short training on few images, not what a submission reached: the
`[claims]` in `models/*.toml` belong to the authors' weights. To rank with those, name one with
`--checkpoint PATH`, or a folder of them with `--checkpoint_dir DIR`; `python -m esr zoo ID`
downloads what is public. EDRN's are lost.

Every file is a flat state_dict of float32 tensors on the CPU that loads with `weights_only=True`,
strictly. PSNR is the mean RGB PSNR in dB of uint8 images, without a border of `scale` pixels, LR by
MATLAB's bicubic resampling. Urban100 with 13 images is every eighth image of that set.
"""

TRAINING_IMAGES = """## Training images
`CID22_train`: photographs of 512x512, a part of CID22 (CC BY-SA 4.0, Cloudinary).
`CLIC2025_tiles512`: tiles of 512x512 from photographs of CLIC 2025 (Unsplash licence). Both by way
of imazen/codec-corpus; neither is part of this repository. `train.py` refuses training images among
which there is one of Set5, Set14, B100, Urban100 or the demo set (`esr/tools/train/leakage.py`).
Held-out tiles may have neighbours from the same photograph in the training set, so a held-out PSNR
is a little flattering; the test sets are not affected.
"""


def zoo_page(records: Sequence[CheckpointQuality]) -> str:
    """Write the page: one row and one section a checkpoint.

    Raises:
        UserError: a checkpoint without training report, or with that of another file.
    """
    trained = [(quality, _report(quality)) for quality in records]
    sections = [_section(quality, report) for quality, report in trained]
    return "\n".join([HEAD, _overview(trained), *sections, TRAINING_IMAGES])


def _report(quality: CheckpointQuality) -> TrainingReport:
    report = load_report(ZOO / quality.checkpoint)
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
                *(f"{result.psnr_db - result.bicubic_db:+.2f}" for result in on.values()),
                _from_authors(on["Set5"], 2),
            ]
        )
    sets = [result.dataset for result in trained[0][0].sets] if trained else []
    head = ["file", "scale", "MB", "iterations", "minutes", *sets, "authors' (Set5)"]
    caption = (
        "Minutes of training, and PSNR above bicubic; last, PSNR on Set5 beside the authors' "
        "own checkpoint:\n"
    )
    return f"{caption}\n{_table(rows, head)}"


def _section(quality: CheckpointQuality, report: TrainingReport) -> str:
    rows = [
        [
            f"{result.dataset} ({result.images} images)",
            f"{result.bicubic_db:.3f}",
            f"{result.psnr_db:.3f}",
            f"{result.psnr_db - result.bicubic_db:+.3f}",
            "none" if result.authors_db is None else f"{result.authors_db:.3f}",
            _from_authors(result, 3),
        ]
        for result in quality.sets
    ]
    titles = ["set", "bicubic", "this checkpoint", "above bicubic"]
    titles += ["authors' checkpoint", "difference"]
    parts = [f"## {quality.checkpoint}", _table(rows, titles)]
    parts += [_table(_facts(quality, report), ["fact", "value"]), _stages(report.stages)]
    parts += (
        ["\n".join(f"- {remark}" for remark in report.remarks) + "\n"] if report.remarks else []
    )
    parts += [f"The command:\n\n    {report.command}\n"]
    return "\n".join(parts)


def _from_authors(result: SetQuality, digits: int) -> str:
    if result.authors_db is None:
        return "none"
    return f"{result.psnr_db - result.authors_db:+.{digits}f}"


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
    return _table(rows, [*head, "iterations", "HR crops a step", "parameters", "minutes"])


def _table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    return tabulate(rows, head, tablefmt="github", disable_numparse=True) + "\n"
