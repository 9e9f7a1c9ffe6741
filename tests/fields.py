"""A results folder of as many real submissions as asked for, with the figures of the reference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
from synthetic import synthetic_record, synthetic_split

from esr.base import json_file
from esr.records.network_counts import LayerCost
from esr.records.record import Crop, Failure, Record
from esr.submissions.sidecar import Claims, Team

IMAGES = 60
DETAIL = ("Set14/HR/baboon.png", "Set14/HR/barbara.png", "Set14/HR/zebra.png")
SIDE = 96


def _published(shared: Path) -> Iterator[dict[str, Any]]:
    file = shared / "reference" / "official_submissions.json"
    for entry in json.loads(file.read_text())["submissions"]:
        known = entry.get("published") or {}
        if entry.get("name") and {"val_psnr", "time_ms", "params_m", "flops_g"} <= known.keys():
            yield entry


def _record(entry: dict[str, Any], number: int) -> Record:
    known, name = entry["published"], entry["name"].partition("_")[2]
    ms = float(known["time_ms"])
    splits = tuple(
        synthetic_split(
            role, IMAGES, ms, known["val_psnr"] - above_db, (0.98 * ms, 1.03 * ms), number
        )
        for role, above_db in (("valid", 2.06), ("test", 1.97))
    )
    record = synthetic_record(number, name, splits, int(1e6 * known["params_m"]))
    claims = Claims(
        params_m=Decimal(str(known["params_m"])), flops_g=Decimal(str(known["flops_g"]))
    )
    sidecar = replace(record.sidecar, team=Team(known.get("team") or name), claims=claims)
    return replace(record, sidecar=sidecar)


def _with_crops(record: Record, number: int, results: Path, shared: Path) -> Record:
    crops = []
    for choice, file in zip(("first", "second", "third"), DETAIL, strict=True):
        whole = cv2.imread(str(shared / "data" / file))
        hr = whole[64 : 64 + SIDE, 64 : 64 + SIDE]
        lr = cv2.resize(hr, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        bicubic = cv2.resize(lr, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        share = 0.3 + 0.015 * number
        sr = cv2.addWeighted(hr, share, bicubic, 1 - share, 0)
        crop = Crop(
            choice,
            "valid",
            Path(file).name,
            22.0,
            cv2.PSNR(hr, sr),
            cv2.PSNR(hr, bicubic),
            64,
            64,
            SIDE,
        )
        for picture, pixels in (("hr", hr), ("bicubic", bicubic), ("sr", sr)):
            target = results / "crops" / record.label / f"{choice}-{picture}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), pixels)
        crops.append(crop)
    return replace(record, crops=tuple(crops))


def write_field(results: Path, shared: Path, count: int) -> Path:
    """Write submissions of 2022 in its own order, then the later years'; one of many has failed."""
    entries = list(_published(shared))
    if count > len(entries):
        entries += [entry | {"name": f"{entry['name']}_again"} for entry in entries]
    for number, entry in enumerate(entries[:count]):
        record = _with_crops(_record(entry, number), number, results, shared)
        layers = (LayerCost("body.0", "Conv2d", 1, (1, 48, 64, 64), 1344, 5_505_024, 196_608, 0.8),)
        record = replace(record, layers=layers) if number == 0 else record
        json_file.dump(record, results / "records" / f"{record.label}.json")
    if count > 5:
        failure = Failure(
            "99_Mamba",
            99,
            "import",
            "ModuleNotFoundError: no module named mamba_ssm",
            "2026-11-21T12:00:00+00:00",
        )
        json_file.dump(failure, results / "failures" / "99_Mamba.json")
        log = results / "logs" / "99_Mamba.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("".join(f"line {number}\n" for number in range(40)) + "import mamba_ssm\n")
    return results
