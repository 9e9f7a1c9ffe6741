"""Which folders the data of a run lies in: the layout is the protocol's."""

from __future__ import annotations

from esr.challenge.protocol import Protocol
from esr.datasets import gt_lr_folders, image_pairs
from esr.datasets.image_pairs import DataRequest, Split


def find_splits(request: DataRequest, protocol: Protocol, scale: int) -> list[Split]:
    """Find the data sets that a run needs, in the layout of its protocol.

    Raises:
        UserError: a folder or an image of a pair is missing.
    """
    find = gt_lr_folders.find_splits if protocol.layout == "gt_lr" else image_pairs.find_splits
    return find(request, protocol, scale)
