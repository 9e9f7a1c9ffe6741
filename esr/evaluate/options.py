"""The command line, checked, by subject: whoever needs one part is given that part alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.fixed_input import Calls, RealTimeOptions
from esr.challenge.protocol import Protocol, protocols
from esr.datasets.splits import DataRequest
from esr.evaluate.arguments import make_parser
from esr.records.conditions import KeptFiles, Passes, Procedure
from esr.sandbox.policy import GIB, Limits, Policy, memory_bytes


@dataclass(frozen=True)
class Selection:
    """What is measured."""

    model_ids: tuple[str, ...]
    """Ids, or `all`."""
    path: Path | None
    """Clone of an official repository or of this one, or an archive; None for what is here."""
    checkpoint: Path | None
    checkpoint_dir: Path | None
    """Folder of public checkpoints under their own names."""
    form: str | None
    interleave: int | None
    """Id of the baseline that is measured between the others."""
    trust: frozenset[int]
    """Ids whose checkpoints may run code."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """Ids to measure, the baseline's first, or `all`."""
        baseline = () if self.interleave is None else (str(self.interleave),)
        return (*baseline, *self.model_ids)


@dataclass(frozen=True)
class Confinement:
    """Where submissions run, and within what."""

    device: str
    """`auto`, `cpu`, `cuda` or `cuda:0`."""
    limits: Limits
    sandbox: bool
    """Whether submissions run in bubblewrap."""
    install: bool = False
    """Whether packages that a submission lacks are fetched for it."""
    wheels: Path | None = None
    """Folder of wheels to take them from instead of from the network."""

    def policy(self, hidden: Sequence[Path]) -> Policy:
        """Say what a submission may use, and what it must not see."""
        return Policy(self.limits, self.sandbox, tuple(hidden))


@dataclass(frozen=True)
class Output:
    """What is kept, and where."""

    save_dir: Path
    files: KeptFiles
    all_columns: bool
    """Whether `leaderboard.csv` has columns that no row fills."""

    def log_file(self, label: str) -> Path:
        """Name the file that holds what a submission printed."""
        return self.save_dir / "logs" / f"{label}.log"


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    selection: Selection
    data: DataRequest
    procedure: Procedure
    confinement: Confinement
    output: Output
    list: bool
    check: bool
    """Whether to try the submissions by the rules instead of measuring them."""
    resume: bool
    """Whether to keep records that this run would only repeat."""
    debug: bool
    command: tuple[str, ...]
    """The arguments as they were given."""

    @property
    def protocol(self) -> Protocol:
        """The year's constants."""
        return self.procedure.protocol


def parse(arguments: list[str], root: Path) -> Options:
    """Read the command line.

    Args:
        arguments: without the program's name.
        root: the harness, below which the demo set lies and results go by default.

    Raises:
        UserError: an argument that is unknown or of the wrong kind.
    """
    given = make_parser(root).parse_args(arguments)
    ids = {given.interleave, *(text if text == "all" else int(text) for text in given.model_id)}
    if given.checkpoint and (len(ids - {None}) > 1 or "all" in ids):
        raise UserError(
            "fits one submission", where="--checkpoint", remedy="give a single --model_id"
        )
    protocol = protocols()[given.protocol]
    metrics = ("psnr", *(["ssim"] if given.ssim else []), *given.metrics, *protocol.metrics)
    return Options(
        selection=Selection(
            model_ids=given.model_id,
            path=given.submission,
            checkpoint=given.checkpoint,
            checkpoint_dir=given.checkpoint_dir,
            form=given.form,
            interleave=given.interleave,
            trust=frozenset(given.trust),
        ),
        data=DataRequest(given.data_dir, given.dataset, given.include_test, given.hybrid_test),
        procedure=Procedure(
            protocol_name=given.protocol,
            metrics=tuple(dict.fromkeys(metrics)),
            passes=Passes(
                given.repeats, given.seed, given.layers, given.precision, given.time_budget
            ),
            real_time=_read_fixed_input(given, protocol),
        ),
        confinement=Confinement(
            device=given.device,
            limits=Limits(
                given.timeout, memory_bytes(given.memory_limit), int(given.disk_limit * GIB)
            ),
            sandbox=given.sandbox,
            install=given.install,
            wheels=given.wheels,
        ),
        output=Output(
            given.save_dir.absolute(),
            KeptFiles(images=given.save_images, uploads=given.make_zip),
            given.all_columns,
        ),
        list=given.list,
        check=given.check,
        resume=not given.force and (given.resume or "all" in given.model_id),
        debug=given.debug,
        command=tuple(argument.encode("utf-8", "replace").decode() for argument in arguments),
    )


def _read_fixed_input(given: argparse.Namespace, protocol: Protocol) -> RealTimeOptions:
    calls = Calls(*given.runtime_calls) if given.runtime_calls else None
    size = (given.runtime_size[0], given.runtime_size[1]) if given.runtime_size else None
    if protocol.fixed_input is None and (calls or size):
        raise UserError(
            f"{protocol.name} times the images, no fixed input",
            where="--runtime_calls" if calls else "--runtime_size",
            remedy="leave it out, or choose --protocol rtsr2023",
        )
    if (calls and not calls.repeats) or (size and not all(size)):
        raise UserError("must be positive", where="--runtime_calls, --runtime_size")
    return RealTimeOptions(size, calls, given.scale, float(given.rgb_range))
