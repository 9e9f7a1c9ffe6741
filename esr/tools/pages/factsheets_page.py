"""docs/factsheets.md: what five factsheets of 2023 claim, beside what is measured here.

Complexity is counted on the networks as they are built, so it needs no checkpoint; quality comes
from runs of `test_demo.py` with the authors' checkpoints. The prose is in docs/factsheets/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tabulate import tabulate

from esr.base.house import ROOT
from esr.challenge.protocol import COMPLEXITY_INPUT
from esr.images.metrics import METRICS as METRIC_TABLE
from esr.measure.counts import complexity
from esr.measure.loading import network
from esr.records.network_counts import Counts
from esr.records.record import Record
from esr.report.claims import agrees
from esr.submissions.discovery import adapt, discover
from esr.submissions.pick_submissions import choose
from esr.submissions.sidecar import SetClaims
from esr.submissions.submission import Submission
from esr.tools.pages.zoo_quality import run_test_demo

PROSE = ROOT / "docs" / "factsheets"
IDS = ("1", "5", "9", "13", "16")
SETS = ("Set5", "Set14", "B100", "Urban100")
METRICS = ("psnr", "ssim", "psnr_y", "ssim_y")


@dataclass(frozen=True)
class Measured:
    """A submission in one form: its counts, and a record where a public checkpoint exists."""

    submission: Submission
    counts: Counts
    record: Record | None


def factsheets_page(data_dir: Path, checkpoint_dir: Path) -> str:
    """Measure every form of the five submissions, and write the page.

    Args:
        data_dir: folder of `SETS`.
        checkpoint_dir: folder of the authors' checkpoints.
    """
    sections = []
    for entry in choose(discover(ROOT), IDS):
        if not isinstance(entry, Submission):
            raise TypeError(f"{entry.label} cannot be measured: see test_demo.py --list")
        forms = [adapt(entry, None, form) for form in entry.sidecar.forms] or [entry]
        sections.append(_section([_measure(form, data_dir, checkpoint_dir) for form in forms]))
    head = (PROSE / "head.md").read_text(encoding="utf-8")
    return "\n".join([head, *sections])


def _measure(entry: object, data_dir: Path, checkpoint_dir: Path) -> Measured:
    assert isinstance(entry, Submission)
    model = network.build(network.import_model(entry.model_file), entry)
    counts = complexity.count(model.eval(), COMPLEXITY_INPUT)
    lr_folder = Path("LR_bicubic") / f"X{entry.sidecar.scale}"
    sets = [name for name in SETS if (data_dir / name / lr_folder).is_dir()]
    where = ("--data_dir", str(data_dir), "--checkpoint_dir", str(checkpoint_dir))
    what = ("--metrics", *METRICS, "--protocol", "ntire2023", "--dataset", *sets)
    return Measured(entry, counts, run_test_demo(entry, *where, *what))


def _section(forms: Sequence[Measured]) -> str:
    submission = forms[0].submission
    prose = (PROSE / f"{submission.model_file.stem}.md").read_text(encoding="utf-8")
    parts = [prose, "### Complexity at 3x256x256\n", _complexity(forms)]
    for form in forms:
        if form.record is not None:
            name = f" ({form.submission.form})" if form.submission.form else ""
            parts += [f"### Quality with the authors' checkpoint{name}\n", _quality(form.record)]
    return "\n".join(parts)


def _complexity(forms: Sequence[Measured]) -> str:
    claims = forms[0].submission.sidecar.claims
    claimed = (claims.params_m, claims.flops_g, claims.activations_m, claims.num_conv)
    rows = [["claimed", *(_known(claim) for claim in claimed), "", ""]]
    for form in forms:
        counts = form.counts
        values = (
            counts.network_params / 1e6,
            (counts.flops_official or 0) / 1e9,
            (counts.activations or 0) / 1e6,
            counts.num_conv or 0,
        )
        compared = claimed if form.submission.sidecar.claims == claims else (None,) * len(claimed)
        others = (counts.flops_fvcore, counts.flops_thop)
        rows.append(
            [
                form.submission.form or "measured",
                *(
                    _marked(f"{value:,}", value, claim)
                    for value, claim in zip(values, compared, strict=True)
                ),
                *(_known(flops and flops / 1e9) for flops in others),
            ]
        )
    titles = ["", "Params [M]", "FLOPs [G]", "Acts [M]", "Conv", "fvcore [G]", "thop [G]"]
    return lay_out(rows, titles)


def _quality(record: Record) -> str:
    titles = ["PSNR", "SSIM", "PSNR Y", "SSIM Y"]
    claims = record.sidecar.claims.sets
    rows = []
    for split in record.splits:
        theirs = claims.get(split.dataset, SetClaims())
        claimed = (theirs.psnr_db, theirs.ssim, theirs.psnr_y_db, theirs.ssim_y)
        scores = [split.score(metric) or 0.0 for metric in METRICS]
        row = [split.dataset, str(len(split.images))]
        row += [
            _marked(f"{score:.{METRIC_TABLE[metric].decimals}f}", score, claim)
            for metric, score, claim in zip(METRICS, scores, claimed, strict=True)
        ]
        rows.append([*row, *(_known(claim) for claim in claimed)] if claims else row)
    head = ["Set", "Images", *titles, *(f"claimed {title}" for title in titles if claims)]
    return lay_out(rows, head)


def _marked(text: str, value: float, claim: Decimal | None) -> str:
    return text if claim is None or agrees(claim, value) else f"{text} !"


def _known(value: object) -> str:
    return "" if value is None else str(value)


def lay_out(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Write a table as Markdown."""
    return tabulate(rows, head, tablefmt="github", disable_numparse=True) + "\n"
