"""What a factsheet claims, in the leaderboard's columns, beside what was measured."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from esr.challenge.data_set_registry import registry
from esr.challenge.protocol import FlopsCounter
from esr.records.network_counts import Counts
from esr.records.official_results import GIGA, scaled
from esr.records.record import Record
from esr.records.split_result import SplitResult
from esr.submissions.sidecar import ClaimCounter, SetClaims

PREFIXES = {"valid": "Val", "hybrid_test": "Val", "test": "Test"}
"""What the columns of an official role begin with; those of another set, with its name."""

COUNTERS: Mapping[ClaimCounter, str] = MappingProxyType(
    {"official": "the counter of 2022 and 2023", "fvcore": "fvcore", "thop": "thop"}
)
"""What people call them."""

_CHALLENGE_SET = re.compile("DIV2K|LSDIR")


@dataclass(frozen=True)
class ClaimedFigure:
    """A figure of a factsheet, and what it is compared with."""

    figure: Decimal
    """With its digits."""
    counter: ClaimCounter | None = None
    """The counter it was made by, where the column is another's."""
    counted: float | None = None
    """What that counter makes of the network here; None if it failed."""

    def differs(self, value: float) -> bool:
        """Tell whether it differs from the column's value, or from its own counter's."""
        compared = value if self.counter is None else self.counted
        return compared is not None and not agrees(self.figure, compared)


def list_claims(record: Record, counter: FlopsCounter) -> dict[str, ClaimedFigure]:
    """List the claims that this measurement can be compared with, by column title.

    Quality is compared on the data set it was claimed for, and on all of its images; FLOPs with
    those of the counter that the claim names; runtime and memory never, since they depend on the
    machine.

    Args:
        record: the measurement, with its sidecar.
        counter: whose FLOPs the column shows.
    """
    claims = record.sidecar.claims
    by_title = {
        "Params [M]": claims.params_m,
        "FLOPs [G]": claims.flops_g,
        "Acts [M]": claims.activations_m,
        "Conv": claims.num_conv,
    }
    for split in record.splits:
        if is_partial(split):
            continue
        if split.role in PREFIXES and _CHALLENGE_SET.search(split.dataset):
            psnr = claims.test_psnr_db if split.role == "test" else claims.val_psnr_db
            by_title[f"{PREFIXES[split.role]} PSNR"] = psnr
        if (set_claims := _find_claims(claims.sets, split.dataset)) is not None:
            by_title |= _list_quality_claims(split, set_claims)
    listed = {title: ClaimedFigure(claim) for title, claim in by_title.items() if claim is not None}
    if "FLOPs [G]" in listed and claims.flops_counter not in (None, counter):
        counted = scaled(count_by(record.counts, claims.flops_counter), GIGA)
        listed["FLOPs [G]"] = replace(
            listed["FLOPs [G]"], counter=claims.flops_counter, counted=counted
        )
    return listed


def count_by(counts: Counts, counter: ClaimCounter) -> int | None:
    """Choose the FLOPs of a counter; None where it failed."""
    by_counter = {
        "official": counts.flops_official,
        "fvcore": counts.flops_fvcore,
        "thop": counts.flops_thop,
    }
    return by_counter[counter]


def _find_claims(by_set: Mapping[str, SetClaims], dataset: str) -> SetClaims | None:
    """Find what is claimed on a set, whichever of its names was used."""
    known = registry().find(dataset)
    same = (claims for name, claims in by_set.items() if known and registry().find(name) == known)
    return by_set.get(dataset) or next(same, None)


def is_partial(split: SplitResult) -> bool:
    """Tell whether another number of images was measured than the set of this name has."""
    known = registry().find(split.dataset)
    return known is not None and known.is_partial(len(split.images))


def _list_quality_claims(split: SplitResult, claims: SetClaims) -> dict[str, Decimal | None]:
    prefix = PREFIXES.get(split.role, split.role)
    return {
        f"{prefix} PSNR": claims.psnr_db,
        f"{prefix} SSIM": claims.ssim,
        f"{prefix} PSNR_Y": claims.psnr_y_db,
        f"{prefix} SSIM_Y": claims.ssim_y,
    }


def agrees(claim: Decimal, measured: float) -> bool:
    """Tell whether a claim is the measured figure, rounded or cut off as it was printed.

    The last digit printed decides: 0.2445 agrees with 0.244558, 15.376 does not with 15.366.
    """
    if not math.isfinite(measured):
        return False
    _, _, exponent = claim.as_tuple()
    unit = Decimal(1).scaleb(int(exponent))
    return abs(claim - Decimal(measured)) < unit
