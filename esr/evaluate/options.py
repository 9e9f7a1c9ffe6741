"""The command line, checked, by subject: whoever needs one part is given that part alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.base.plain_path import make_plain
from esr.base.threads import cores
from esr.challenge.fixed_input import Calls, RealTimeOptions
from esr.challenge.protocol import Protocol, protocols
from esr.datasets.splits import DataRequest
from esr.evaluate.arguments import make_parser
from esr.records.conditions import KeptFiles, Passes, Procedure
from esr.sandbox.policy import GIB, Limits, Policy, memory_bytes
from esr.submissions.pick_submissions import may_be_several
from esr.submissions.submission import Entry


@dataclass(frozen=True)
class Selection:
    """What is measured."""

    model_ids: tuple[str, ...]
    """Ids and names, with wildcards, or `all`."""
    paths: tuple[Path, ...]
    """Clones of official repositories or of this one, folders of them, or archives; none for what
    is here."""
    checkpoint: Path | None
    checkpoint_dir: Path | None
    """Folder of public checkpoints under their own names."""
    form: str | None
    label: str | None
    """Name of its row; None for that of the model."""
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
    """Whether submissions run in bubblewrap, where it works (`esr.evaluate.settle_sandbox`)."""
    is_sandbox_stated: bool
    """Whether the user has said so; if not, it is so for `all` and for submissions of others."""
    install: bool = False
    """Whether packages that a submission lacks are fetched for it."""
    wheels: Path | None = None
    """Folder of wheels to take them from instead of from the network."""
    install_timeout_s: float | None = None
    """In which they must be there; None for 30 minutes, or the limit of the submission if less."""

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
    mixed_machines: bool
    """Whether rows are ranked together that machines of different classes measured."""

    def log_file(self, label: str, process: int = 1) -> Path:
        """Name the file that holds what a submission printed in one of its processes."""
        number = f".{process}" if process > 1 else ""
        return self.save_dir / "logs" / f"{label}{number}.log"


@dataclass(frozen=True)
class Shard:
    """Every N-th submission: what one of several processes measures."""

    number: int
    """From 1."""
    of: int

    def pick(self, entries: list[Entry]) -> list[Entry]:
        """Choose its share of all that is asked for."""
        return entries[self.number - 1 :: self.of]


@dataclass(frozen=True)
class EngineChoice:
    """What runs the submissions."""

    name: str
    """In `esr.evaluate.choose_engine.ENGINES`."""
    address: str | None
    """Of a cluster that is there already."""
    cpus_per_job: int
    """Cores that a job on a cluster has to itself."""
    shard: Shard | None

    @property
    def is_here(self) -> bool:
        """Whether everything is measured on this machine, with all that it has."""
        return self.name == "serial"

    @property
    def cores(self) -> int:
        """Cores that a submission has."""
        return cores() if self.is_here else self.cpus_per_job


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    selection: Selection
    data: DataRequest
    procedure: Procedure
    confinement: Confinement
    output: Output
    engine: EngineChoice
    list: bool
    check: bool
    """Whether to try the submissions by the rules instead of measuring them."""
    processes: int
    """Processes of its own that each submission is measured in, one after the other."""
    is_protocol_stated: bool
    """Whether the user has chosen the protocol."""
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
    strangers = bool(given.submission) or any(map(may_be_several, given.model_id))
    if given.processes > 1 and given.interleave is not None:
        raise UserError(
            "cannot be combined with --interleave",
            where="--processes",
            remedy="leave out --interleave: processes of all submissions alternate anyway, and"
            " each shows its own drift",
        )
    if given.check and given.list:
        raise UserError(
            "cannot be combined with --list", where="--check", remedy="give one after the other"
        )
    protocol = protocols()[given.protocol]
    metrics = ("psnr", *(["ssim"] if given.ssim else []), *given.metrics, *protocol.metrics)
    return Options(
        selection=Selection(
            model_ids=given.model_id,
            paths=given.submission,
            checkpoint=given.checkpoint,
            checkpoint_dir=given.checkpoint_dir,
            form=given.form,
            label=given.label,
            interleave=given.interleave,
            trust=frozenset(given.trust),
        ),
        data=DataRequest(given.data_dir, given.dataset, given.include_test, given.hybrid_test),
        procedure=Procedure(
            protocol_name=given.protocol,
            metrics=tuple(dict.fromkeys(metrics)),
            passes=Passes(
                given.repeats,
                given.seed,
                given.layers,
                given.precision,
                given.time_budget,
                _read_deploy(given, protocol),
            ),
            real_time=_read_fixed_input(given, protocol),
        ),
        confinement=Confinement(
            device=given.device,
            limits=Limits(
                given.timeout, memory_bytes(given.memory_limit), int(given.disk_limit * GIB)
            ),
            sandbox=strangers if given.sandbox is None else given.sandbox,
            is_sandbox_stated=given.sandbox is not None,
            install=given.install or given.wheels is not None,
            wheels=given.wheels,
            install_timeout_s=given.install_timeout,
        ),
        output=Output(
            make_plain(given.save_dir),
            KeptFiles(images=given.save_images, uploads=given.make_zip),
            given.all_columns,
            given.mixed_machines,
        ),
        engine=EngineChoice(
            given.engine,
            given.engine_address,
            given.cpus_per_job,
            Shard(*given.shard) if given.shard else None,
        ),
        list=given.list,
        check=given.check,
        processes=given.processes,
        is_protocol_stated=any(text.partition("=")[0] == "--protocol" for text in arguments),
        resume=not given.force and (given.resume or "all" in given.model_id),
        debug=given.debug,
        command=tuple(argument.encode("utf-8", "replace").decode() for argument in arguments),
    )


def _read_deploy(given: argparse.Namespace, protocol: Protocol) -> tuple[tuple[str, ...], ...]:
    ways = tuple(dict.fromkeys(given.deploy))
    if ways and protocol.fixed_input is not None:
        raise UserError(
            f"{protocol.name} leaves the network in half precision after its fixed input",
            where="--deploy",
            remedy="leave it out, or choose another --protocol",
        )
    return ways


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
