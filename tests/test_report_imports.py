"""What printing the leaderboard imports: nothing that only another format needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_terminal_needs_no_other_format(root: Path) -> None:
    program = (
        "import sys, esr.report.terminal_table, esr.report.terminal\n"
        "others = {'esr.report.html', 'esr.report.latex_table', 'esr.report.markdown_table'}\n"
        "others |= {'jinja2', 'plotly', 'itables', 'tabulate', 'pandas', 'torch'}\n"
        "sys.exit(' '.join(others & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
