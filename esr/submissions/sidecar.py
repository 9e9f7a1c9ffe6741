"""The optional TOML file beside a model: what the conventions cannot say, one fact a line."""

from __future__ import annotations

import os
from dataclasses import field, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass as validated

from esr.base.json_file import read_numbers
from esr.base.toml_file import STRICT, check_tables, read_tables

Positive = Annotated[int, Field(ge=1)]
ClaimCounter = Literal["official", "fvcore", "thop"]
"""The script of 2022 and 2023, fvcore as from 2024 on, or thop."""
# A network may take an infinite argument, which JSON has to spell out.
Arguments = Annotated[dict[str, Any], AfterValidator(read_numbers)]


@validated(frozen=True, config=STRICT)
class Team:
    """Who submitted; sidecar table `[team]`."""

    name: str | None = None
    title: str | None = None
    """Title of the method or of the factsheet."""
    source: str | None = None
    """Where the figures and the architecture come from."""
    extra_data: bool | None = None
    """Whether other data than the challenge's was trained on; for the `readme.txt` of an upload."""
    description: str | None = None
    """What its last line says; without it, the title."""


@validated(frozen=True, config=STRICT)
class SetClaims:
    """The factsheet's quality on one data set; sidecar table `[claims.sets.NAME]`."""

    psnr_db: Decimal | None = None
    ssim: Decimal | None = None
    psnr_y_db: Decimal | None = None
    ssim_y: Decimal | None = None


@validated(frozen=True, config=STRICT)
class Claims:
    """The factsheet's figures, units in the names; sidecar table `[claims]`.

    Decimal, because the digits as printed tell how exact a claim is: 29.00 is more than 29.
    """

    val_psnr_db: Decimal | None = None
    test_psnr_db: Decimal | None = None
    runtime_ms: Decimal | None = None
    params_m: Decimal | None = None
    flops_g: Decimal | None = None
    flops_counter: ClaimCounter | None = None
    """Who counted `flops_g`; without it, the counter of the year that is ranked by."""
    activations_m: Decimal | None = None
    memory_mib: Decimal | None = None
    num_conv: Decimal | None = None
    sets: dict[str, SetClaims] = field(default_factory=dict)
    """By the name of the data set."""


@validated(frozen=True, config=STRICT)
class Form:
    """A named variant of a submission; sidecar table `[forms.NAME]`; what it leaves out stays."""

    arch: str | None = None
    kwargs: Arguments = field(default_factory=dict)
    checkpoint: str | None = None
    scale: Positive | None = None
    claimed: bool = True
    """Whether `[claims]` is about this form; false for another size of the network, say."""


@validated(frozen=True, config=STRICT)
class Sidecar:
    """`models/team{NN}_{Name}.toml`: what the conventions cannot say, one fact a line."""

    arch: str | None = None
    """Class of the network; by convention the last class in the file."""
    kwargs: Arguments = field(default_factory=dict)
    """Arguments of its constructor; by convention none."""
    checkpoint: str | None = None
    """File name in `model_zoo/`; by convention the only one that begins with `team{NN}`."""
    data_range: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Value of white in the network's input and output: 1.0 or 255.0."""
    scale: Positive = 4
    strict: bool = True
    """Whether the checkpoint must hold exactly the network's keys."""
    size_multiple_px: Positive = 1
    """LR sides are padded (reflected) to a multiple of this, and SR is cropped back."""
    tile: Positive | None = None
    """Side of a tile in LR pixels; without it the image is restored as a whole."""
    requirements: tuple[str, ...] = ()
    """Packages it needs, `PACKAGE==VERSION`; made into its environment with `--install`."""
    forms: dict[str, Form] = field(default_factory=dict)
    """Named variants; the first one is used unless `--form` names another."""
    team: Team = field(default_factory=Team)
    claims: Claims = field(default_factory=Claims)

    def in_form(self, name: str) -> Sidecar:
        """Say what the sidecar says, with the facts of one form in their places."""
        form = self.forms[name]
        return replace(
            self,
            arch=form.arch or self.arch,
            kwargs={**self.kwargs, **form.kwargs},
            checkpoint=form.checkpoint or self.checkpoint,
            scale=form.scale or self.scale,
            claims=self.claims if form.claimed else Claims(),
        )


def read_sidecar(path: Path) -> Sidecar:
    """Read a TOML sidecar; one that is absent says nothing beyond the conventions.

    Raises:
        UserError: not TOML, an unknown key, or a value of the wrong type.
    """
    if not os.path.lexists(path):  # A link to nowhere is no absent file.
        return Sidecar()
    tables = read_tables(path, path.name)
    tables["claims"] = _as_printed(tables.get("claims", {}))
    return check_tables(Sidecar, tables, path.name)


def _as_printed(value: object) -> object:
    if isinstance(value, dict):
        return {key: _as_printed(inner) for key, inner in value.items()}
    return str(value) if isinstance(value, Decimal) else value
