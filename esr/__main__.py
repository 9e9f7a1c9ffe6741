"""`python -m esr COMMAND`: everything beside `test_demo.py`, one command a line of `COMMANDS`."""

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", sys.flags.isolated):
    # Before any other import, even of __future__: Python has put the folder first that the user
    # stands in, which may be a stranger's clone with a `copy.py` in it.
    sys.path[0] = __file__.rpartition("/esr/")[0]

import importlib
from dataclasses import dataclass

import esr.base.prerequisites  # noqa: F401  # Before what needs them.
from esr.base.interruption import end_at_once

if __name__ == "__main__":
    end_at_once()

from esr.base.command import command, describe_version
from esr.base.did_you_mean import suggest
from esr.base.errors import UserError
from esr.base.house import ROOT


@dataclass(frozen=True)
class Command:
    """One command: `main(arguments) -> exit status` of a module, imported when it is asked for."""

    module: str
    purpose: str
    needs_clone: bool = False
    """Whether it works on what lies beside `esr/`, which an installed package has not."""


COMMANDS = {
    "check": Command("esr.tools.check.check_command", "try a submission by every rule", True),
    "leaderboard": Command("esr.tools.leaderboard", "rank what was measured, here or officially"),
    "paper": Command("esr.tools.paper_command", "write the comparison that a paper prints"),
    "rows": Command("esr.tools.rows_command", "list, hide and remove rows of a results folder"),
    "env": Command("esr.tools.env_command", "make the environment that a submission needs"),
    "data": Command("esr.datasets.data_command", "list, check, prepare and download data sets"),
    "zoo": Command(
        "esr.submissions.public_checkpoints", "download the authors' own checkpoints", True
    ),
    "score_zip": Command(
        "esr.tools.upload_scoring.score_zip", "score an upload as the server does"
    ),
    "codabench": Command(
        "esr.tools.codabench.codabench_command", "write a competition to upload to Codabench", True
    ),
    "rtsr": Command("esr.challenge.rtsr.prepare_rtsr", "prepare data of the Real-Time challenge"),
    "leakage": Command("esr.tools.train.leakage", "no training image may be a test image", True),
    "pages": Command(
        "esr.tools.pages.pages_command",
        "write docs/factsheets.md, docs/flags.md, model_zoo/README.md",
        True,
    ),
}


def main(arguments: list[str]) -> int:
    """Run a command, or list them."""
    if not arguments or arguments[0] not in COMMANDS:
        return _list(arguments)
    if COMMANDS[arguments[0]].needs_clone and not (ROOT / "test_demo.py").is_file():
        return _refuse(arguments)
    name, *rest = arguments
    return int(importlib.import_module(COMMANDS[name].module).main(rest))


def run() -> int:
    """Run what the command line says: the command `esr` of an installed package."""
    return main(sys.argv[1:])


@command()
def _refuse(arguments: list[str]) -> None:
    raise UserError(
        "works on models/ and data/ of a clone, which is not installed",
        where=f"esr {arguments[0]}",
        remedy="run it in a clone: python -m esr ...",
    )


@command()
def _list(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        sys.stdout.write(f"{describe_version()}\n")
        return
    if arguments and arguments[0] not in ("-h", "--help"):
        remedy = suggest(arguments[0], COMMANDS, f"one of: {', '.join(COMMANDS)}")
        raise UserError("no such command", where=arguments[0], remedy=remedy)
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.purpose}" for name, command in COMMANDS.items()]
    usage = "Usage: python -m esr COMMAND ...; --help after a command says more."
    sys.stdout.write("\n".join([usage, "", *lines, ""]))


if __name__ == "__main__":
    sys.exit(run())
