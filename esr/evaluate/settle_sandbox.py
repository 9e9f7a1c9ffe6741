"""Whether submissions run in bubblewrap: said by the user, or by default where it works."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from esr.base.errors import UserError
from esr.base.scratch import scratch_folder
from esr.evaluate.options import Options
from esr.sandbox import bubblewrap
from esr.sandbox.gpu_lock import has_gpu
from esr.sandbox.isolated_process import wake_driver
from esr.sandbox.launch import scrub_environment
from esr.sandbox.policy import places_of_house

_COST = "the network, sockets of this machine and the names of your files are open to submissions"


def settle_sandbox(options: Options) -> Options:
    """Decide before anything starts; say in one line what it costs if bubblewrap does not work.

    Raises:
        UserError: `--sandbox` was asked for, and it does not work.
    """
    confinement = options.confinement
    if not confinement.sandbox:
        return options
    try:
        bubblewrap.check()
        if not confinement.is_sandbox_stated:
            _check_gpu(confinement.device)
    except UserError as error:
        if confinement.is_sandbox_stated:
            raise
        remedy = "install or permit bubblewrap; --no_sandbox says that you know"
        sys.stderr.write(f"warning: no sandbox, for {error.what}: {_COST}; {remedy}\n")
        return replace(options, confinement=replace(confinement, sandbox=False))
    return options


def _check_gpu(device: str) -> None:
    """Make sure that a GPU can be used in the sandbox: a run must not end up on the CPU unseen."""
    if device == "cpu" or not has_gpu():
        return
    wake_driver()  # Nothing in the sandbox can.
    name = "cuda" if device == "auto" else device
    command = [sys.executable, "-m", "esr.measure.device", name]
    with scratch_folder() as folder:
        places = places_of_house(folder)
        environment = scrub_environment(os.environ, places)
        with bubblewrap.wrapped(command, places) as (wrapped, inherited):
            tried = subprocess.run(
                wrapped, pass_fds=inherited, env=environment, capture_output=True, check=False
            )
    if tried.returncode != 0:
        raise UserError(f"{name} cannot be used in it")
