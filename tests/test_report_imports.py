"""What printing the leaderboard imports: nothing that only another format needs."""

from __future__ import annotations

from harness import run_program


def test_the_terminal_needs_no_other_format() -> None:
    program = (
        "import sys, esr.report.terminal_table, esr.report.terminal\n"
        "others = {'esr.report.html', 'esr.report.latex_table', 'esr.report.markdown_table'}\n"
        "others |= {'jinja2', 'plotly', 'itables', 'tabulate', 'pandas', 'torch'}\n"
        "sys.exit(' '.join(others & set(sys.modules)) or 0)\n"
    )
    run_program(program)
