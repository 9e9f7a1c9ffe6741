"""Which files a data set consists of, as hashes: two results on other pixels are not comparable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from utils.dataset import ImagePair
from utils.download import sha256


@dataclass(frozen=True, order=True)
class PairHash:
    """The two files of a pair by their SHA-256, hexadecimal."""

    name: str
    """HR file name."""
    hr_sha256: str
    lr_sha256: str


def pair_hash(pair: ImagePair) -> PairHash:
    """Hash the files of a pair.

    Raises:
        OSError: one cannot be read.
    """
    return PairHash(pair.name, sha256(pair.hr), sha256(pair.lr))


def set_sha256(hashes: Iterable[PairHash]) -> str:
    """Hash a data set, whatever the order of its pairs: one line each, `HR LR NAME`, by name."""
    lines = (f"{pair.hr_sha256} {pair.lr_sha256} {pair.name}\n" for pair in sorted(hashes))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
