"""Records that nobody measured, for tests of what is made from records."""

from __future__ import annotations

import numpy as np

from esr.records.measurement import Machine
from esr.records.network_counts import Counts
from esr.records.record import SCHEMA, Provenance, Record
from esr.records.split_result import ImageResult, RobustTiming, SplitResult
from esr.submissions.sidecar import Sidecar, Team

SETS = {"valid": "DIV2K_LSDIR_valid", "test": "DIV2K_LSDIR_test"}


def synthetic_split(
    role: str,
    images: int,
    runtime_ms: float,
    psnr_db: float = 27.0,
    interval_ms: tuple[float, float] | None = None,
    seed: int = 0,
) -> SplitResult:
    """A data set of random images around a runtime and a PSNR."""
    random = np.random.default_rng(seed)
    times = runtime_ms * (1 + 0.1 * random.standard_normal(images))
    scores = psnr_db + 3 * random.standard_normal(images)
    times, scores = times - times.mean() + runtime_ms, scores - scores.mean() + psnr_db
    results = tuple(
        ImageResult(f"{number:04d}.png", float(ms), {"psnr": float(psnr)})
        for number, (ms, psnr) in enumerate(zip(times, scores, strict=True), 801)
    )
    robust = (
        None
        if interval_ms is None
        else RobustTiming(
            tuple((runtime_ms,) * 3 for _ in range(images)),
            runtime_ms,
            *interval_ms,
            p90_ms=interval_ms[1],
        )
    )
    return SplitResult(role, SETS[role], results, 500.0, 480.0, robust)


def synthetic_record(
    number: int, name: str, splits: tuple[SplitResult, ...], params: int = 250_000
) -> Record:
    """A record of a submission on a GPU of 2026."""
    return Record(
        schema=SCHEMA,
        label=f"{number:02d}_{name}",
        model_id=number,
        form=None,
        sidecar=Sidecar(team=Team(name=f"Team {number}")),
        protocol="ntire2026",
        counts=Counts(
            input_size=(3, 256, 256),
            params=params,
            flops_official=params * 65536,
            flops_fvcore=params * 65000,
            flops_thop=None,
            activations=40_000_000,
            num_conv=20,
        ),
        clock="cuda_event",
        output_dtype="torch.float32",
        peak_rss_mib=900.0,
        machine=Machine(
            device="cuda:0",
            device_name="NVIDIA RTX A6000",
            cpu="AMD EPYC",
            gpu="NVIDIA RTX A6000",
            driver="550.00",
            python="3.11.7",
            torch="2.13.0",
            cuda="13.0",
            cudnn=90000,
            platform="Linux",
            num_threads=8,
            cudnn_benchmark=False,
            cudnn_tf32=True,
            matmul_tf32=False,
        ),
        splits=splits,
        note=None,
        provenance=Provenance(
            date="2026-11-21T12:00:00Z",
            command=("--model_id", str(number)),
            git_commit="0" * 40,
            git_dirty=False,
            model_file=f"team{number:02d}_{name}.py",
            model_sha256="0" * 64,
            checkpoint=f"team{number:02d}_{name}.pth",
            checkpoint_sha256="1" * 64,
        ),
    )
