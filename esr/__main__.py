"""`python -m esr COMMAND`: everything beside `test_demo.py`, one command a line of `COMMANDS`."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

from esr.base.command import command
from esr.base.errors import UserError


@dataclass(frozen=True)
class Command:
    """One command: `main(arguments) -> exit status` of a module, imported when it is asked for."""

    module: str
    purpose: str


COMMANDS = {
    "check": Command("esr.tools.check.check_command", "try a submission by every rule"),
    "leaderboard": Command("esr.tools.leaderboard", "rank what was measured, here or officially"),
    "env": Command("esr.tools.env_command", "make the environment that a submission needs"),
    "data": Command("esr.datasets.data_command", "list, check, prepare and download data sets"),
    "zoo": Command("esr.submissions.public_checkpoints", "download the authors' own checkpoints"),
    "score_zip": Command(
        "esr.tools.upload_scoring.score_zip", "score an upload as the server does"
    ),
    "rtsr": Command("esr.challenge.rtsr.prepare_rtsr", "prepare data of the Real-Time challenge"),
    "leakage": Command("esr.tools.train.leakage", "no training image may be a test image"),
    "pages": Command(
        "esr.tools.pages.pages_command", "write docs/factsheets.md, model_zoo/README.md"
    ),
}


def main(arguments: list[str]) -> int:
    """Run a command, or list them."""
    if not arguments or arguments[0] not in COMMANDS:
        return _list(arguments)
    name, *rest = arguments
    return int(importlib.import_module(COMMANDS[name].module).main(rest))


@command()
def _list(arguments: list[str]) -> None:
    if arguments and arguments[0] not in ("-h", "--help"):
        known = ", ".join(COMMANDS)
        raise UserError("no such command", where=arguments[0], remedy=f"one of: {known}")
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.purpose}" for name, command in COMMANDS.items()]
    usage = "Usage: python -m esr COMMAND ...; --help after a command says more."
    sys.stdout.write("\n".join([usage, "", *lines, ""]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
