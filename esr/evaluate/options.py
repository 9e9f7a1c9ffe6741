"""The command line, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.fixed_input import RealTimeOptions, read_flags
from esr.challenge.protocol import Protocol, protocols
from esr.datasets.splits import DataRequest
from esr.evaluate.arguments import parser
from esr.sandbox.limits import GIB, Limits, memory_bytes


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    model_id: tuple[str, ...]
    """Ids, or `all`."""
    data: DataRequest
    save_dir: Path
    metrics: tuple[str, ...]
    """Names in `esr.images.metrics.METRICS`."""
    protocol_name: str
    device: str
    checkpoint: Path | None
    checkpoint_dir: Path | None
    """Folder of public checkpoints under their own names."""
    form: str | None
    repeats: int | None
    """Rounds of the robust pass; None for the device's own number."""
    seed: int
    interleave: int | None
    """Id of the baseline that is measured between the others."""
    limits: Limits
    sandbox: bool
    """Whether submissions run in bubblewrap."""
    save_images: bool
    layers: bool
    list: bool
    check: bool
    """Whether to try the submissions by the rules instead of measuring them."""
    resume: bool
    """Whether to keep records that this run would only repeat."""
    debug: bool
    submission: Path | None
    """Clone of an official repository or of this one, or an archive; None for what is here."""
    trust: frozenset[int]
    """Ids whose checkpoints may run code."""
    command: tuple[str, ...]
    """The arguments as they were given."""
    make_zip: bool
    """Whether to write the archives that participants upload."""
    real_time: RealTimeOptions

    @property
    def wanted(self) -> tuple[str, ...]:
        """Ids to measure, the baseline's first, or `all`."""
        return self.model_id if self.interleave is None else (str(self.interleave), *self.model_id)

    @property
    def protocol(self) -> Protocol:
        """The year's constants."""
        return protocols()[self.protocol_name]


def parse(arguments: list[str], root: Path) -> Options:
    """Read the command line.

    Args:
        arguments: without the program's name.
        root: the harness, below which the demo set lies and results go by default.

    Raises:
        UserError: an argument that is unknown or of the wrong kind.
    """
    given = parser(root).parse_args(arguments)
    ids = {given.interleave, *(text if text == "all" else int(text) for text in given.model_id)}
    if given.checkpoint and (len(ids - {None}) > 1 or "all" in ids):
        raise UserError(
            "fits one submission", where="--checkpoint", remedy="give a single --model_id"
        )
    data = DataRequest(given.data_dir, given.dataset, given.include_test, given.hybrid_test)
    protocol = protocols()[given.protocol]
    wanted = ("psnr", *(["ssim"] if given.ssim else []), *given.metrics, *protocol.metrics)
    return Options(
        model_id=given.model_id,
        data=data,
        save_dir=given.save_dir.absolute(),
        metrics=tuple(dict.fromkeys(wanted)),
        protocol_name=given.protocol,
        device=given.device,
        checkpoint=given.checkpoint,
        checkpoint_dir=given.checkpoint_dir,
        form=given.form,
        repeats=given.repeats,
        seed=given.seed,
        interleave=given.interleave,
        limits=Limits(given.timeout, memory_bytes(given.memory_limit), int(given.disk_limit * GIB)),
        sandbox=given.sandbox,
        save_images=given.save_images,
        layers=given.layers,
        list=given.list,
        check=given.check,
        resume=not given.force and (given.resume or "all" in given.model_id),
        debug=given.debug,
        submission=given.submission,
        trust=frozenset(given.trust),
        command=tuple(argument.encode("utf-8", "replace").decode() for argument in arguments),
        make_zip=given.make_zip,
        real_time=read_flags(given, protocol),
    )
