"""Which folders the data of a run lies in: the layout is the protocol's."""

from __future__ import annotations

from utils import dataset
from utils.dataset import DataRequest, Split
from utils.protocol import Protocol
from utils.rtsr import folders


def find_splits(request: DataRequest, protocol: Protocol, scale: int) -> list[Split]:
    """Find the data sets that a run needs, in the layout of its protocol.

    Raises:
        UserError: a folder or an image of a pair is missing.
    """
    find = folders.find_splits if protocol.layout == "gt_lr" else dataset.find_splits
    return find(request, protocol, scale)
