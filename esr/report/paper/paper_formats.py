"""The comparison as LaTeX with booktabs, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from esr.report.cell import Value, format_value
from esr.report.csv_table import write_csv
from esr.report.latex_table import escape_latex
from esr.report.markdown_table import escape_markdown, write_pipes
from esr.report.paper.paper_comparison import (
    QUALITIES,
    Mark,
    PaperCell,
    PaperRow,
    PaperTable,
)

_LATEX: dict[Mark, str] = {
    "best": r"\textbf{%s}",
    "second": r"\underline{%s}",
    "other files": r"%s$^\dagger$",
    "": "%s",
}
_MARKDOWN: dict[Mark, str] = {
    "best": "**%s**",
    "second": "<u>%s</u>",
    "other files": "%s†",
    "": "%s",
}
_NOTHING = "--"

_HEAD = r"""%% For Multi-Adds of another image: python -m esr paper RESULTS --hr_size 1280x720
%% Needs \usepackage{booktabs}; read it in with \input{paper.tex}.
\begin{table*}[t]
\centering
\caption{%s}
\vspace{3pt}
\label{tab:comparison}
\footnotesize
\setlength{\tabcolsep}{4pt}
\begin{tabular}{@{}lrrr%s@{}}
\toprule
Method & Scale & Params & Multi{-}Adds & %s \\
 & & [M] & [G] & %s \\
"""

_TAIL = r"""\bottomrule
\end{tabular}
\end{table*}
"""


def render_paper_latex(table: PaperTable) -> str:
    """Say the comparison in LaTeX; a set has one column, PSNR / SSIM."""
    caption = "Quantitative comparison, PSNR / SSIM of the Y channel. The best figure is bold, the"
    caption += f" second best underlined. {' '.join(table.notes)}"
    heads = [escape_latex(dataset) for dataset in table.sets]
    lines = [
        _HEAD
        % (
            escape_latex(caption),
            "c" * len(heads),
            " & ".join(heads),
            " & ".join(["PSNR / SSIM"] * len(heads)),
        )
    ]
    scale = None
    for row in table.rows:
        if row.scale != scale:
            lines.append("\\midrule\n")
            scale = row.scale
        lines.append(" & ".join(_write_latex_row(row)) + " \\\\\n")
    return "".join(lines) + _TAIL


def _write_latex_row(row: PaperRow) -> Iterator[str]:
    params = format_value(row.params_m, ".3f") or _NOTHING
    flops = format_value(row.flops_g, ".2f") or _NOTHING
    yield from (escape_latex(row.name), rf"$\times${row.scale}", params, flops)
    for psnr, ssim in _pair(row):
        yield f"{_write_cell(psnr, _LATEX)} / {_write_cell(ssim, _LATEX)}"


def _pair(row: PaperRow) -> list[tuple[PaperCell, PaperCell]]:
    return list(zip(row.cells[::2], row.cells[1::2], strict=True))


def _write_cell(cell: PaperCell, marks: dict[Mark, str]) -> str:
    return marks[cell.mark] % cell.text if cell.text else _NOTHING


def render_paper_markdown(table: PaperTable) -> str:
    """Say the comparison in GitHub's Markdown."""
    heads = ["Method", "Scale", "Params [M]", "Multi-Adds [G]"]
    heads += [f"{escape_markdown(dataset)} PSNR / SSIM" for dataset in table.sets]
    rows = [
        [
            escape_markdown(row.name),
            f"x{row.scale}",
            format_value(row.params_m, ".3f"),
            format_value(row.flops_g, ".2f"),
            *(
                f"{_write_cell(psnr, _MARKDOWN)} / {_write_cell(ssim, _MARKDOWN)}"
                for psnr, ssim in _pair(row)
            ),
        ]
        for row in table.rows
    ]
    alignment = ["left", *["right"] * (len(heads) - 1)]
    return f"{write_pipes(rows, heads, alignment)}\n\n{' '.join(table.notes)}\n"


def render_paper_csv(table: PaperTable) -> str:
    """Say the comparison in CSV, unrounded; where LaTeX has a dagger, `other files` is yes."""
    flops = f"Multi-Adds of HR {table.hr_size} [G]" if table.hr_size else "Multi-Adds [G]"
    titles = ["Method", "Scale", "Params [M]", flops]
    for dataset in table.sets:
        titles += [
            *(f"{dataset} {metric.upper()}" for metric in QUALITIES),
            f"{dataset} other files",
        ]
    return write_csv(
        titles,
        [
            [
                *(row.name, row.scale, row.params_m, row.flops_g),
                *(value for pair in _pair(row) for value in _write_csv_cells(pair)),
            ]
            for row in table.rows
        ],
    )


def _write_csv_cells(pair: tuple[PaperCell, PaperCell]) -> Iterator[Value]:
    yield from (cell.value for cell in pair)
    yield "yes" if any(cell.mark == "other files" for cell in pair) else None
