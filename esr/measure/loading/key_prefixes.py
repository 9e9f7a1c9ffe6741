"""Prefixes that tools add to the keys of a state_dict, found by the keys of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from esr.base.errors import UserError
from esr.submissions.foreign_file import SAVE_PLAIN

TOOL_PARTS = (
    "module",
    "_orig_mod",
    "_forward_module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
)
"""Parts of keys that wrappers of modules add, at the front or within: `nn.DataParallel`,
`torch.compile`, Lightning Fabric, FSDP, `checkpoint_wrapper`."""
_ATTRIBUTES = (
    *("params_ema", "params", "state_dict", "model_state_dict", "model", "net"),
    *("net_g", "netG", "network", "generator", "ema_model", "model_ema"),
)
"""What a trainer calls the network, beside which it may keep others: losses, a discriminator."""


def bare(key: str) -> str:
    """Leave out of a key what wrappers of modules add to it."""
    return ".".join(part for part in key.split(".") if part not in TOOL_PARTS)


def match_keys(
    sources: Mapping[str, str], wanted: Mapping[str, str], path: Path
) -> dict[str, str] | None:
    """Find the prefix after which the keys are those of the network.

    Args:
        sources: key of the file, by the same as it is compared.
        wanted: key of the network, likewise.
        path: the file, for the message.

    Returns:
        Key of the file by that of the network; None if there is no such prefix.
    """
    fitting = dict(_fitting_prefixes(sources, wanted))
    chosen = next((prefix for prefix in _PREFERRED if prefix in fitting), None)
    if chosen is None and len(fitting) == 1:
        chosen = next(iter(fitting))
    if chosen is not None:
        is_alone = len(fitting[chosen]) == len(sources)
        return fitting[chosen] if is_alone or _is_of_tools(chosen) else None
    if any(map(_is_of_tools, fitting)):
        raise ambiguous(path, list(fitting))
    return None


def _fitting_prefixes(
    sources: Mapping[str, str], wanted: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """List the prefixes below which there is exactly the network, each with its match."""
    anchor = next(iter(wanted), None)
    if anchor is None:
        return
    for prefix in (key.removesuffix(anchor) for key in sources if key.endswith(anchor)):
        below = {key.removeprefix(prefix): key for key in sources if key.startswith(prefix)}
        if (not prefix or prefix.endswith(".")) and below.keys() == wanted.keys():
            yield prefix, {wanted[key]: sources[below[key]] for key in wanted}


_PREFERRED = ("params_ema.", "params.")
"""As for wrappers: the average is meant where both are there."""


def _is_of_tools(prefix: str) -> bool:
    """Tell whether this is what tools call the network: only then there may be others beside it."""
    known = (*_ATTRIBUTES, *TOOL_PARTS)
    return all(part in known for part in prefix.split(".")[:-1])


def ambiguous(path: Path, names: list[str]) -> UserError:
    """Refuse a file in which several state_dicts, of these names, could be the network's."""
    quoted = " and ".join(f"'{name}'" for name in names)
    what = f"holds the network {len(names)} times, as {quoted}"
    return UserError(what, where=path.name, remedy=f"keep the one that is meant: {SAVE_PLAIN}")
