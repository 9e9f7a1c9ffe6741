"""A command that ends, with all that it has started, as soon as whoever wanted it is gone.

It wants nothing on its standard input, which is the socket to its parent: what comes to an end
there is the parent, killed say. Nobody else would ever stop a build that hangs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from esr.sandbox import process_tree

_STDIN = 0


def main(command: Sequence[str]) -> int:
    """Run a command, and answer as it does."""
    process_tree.adopt_orphans()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def _end_with_parent(child: subprocess.Popen[bytes]) -> None:
    while os.read(_STDIN, 1):
        pass
    process_tree.end(child, ())
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
