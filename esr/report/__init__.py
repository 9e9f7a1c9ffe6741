"""Columns, and every file and screen that shows them.

A figure goes through three types: `Row` (record and official entry of one submission), `Standing`
(that row among the others, ranked), `Cell` (the figure unrounded, as people read it, and what the
factsheet claims). A `Column` makes the cell of a standing; a `Board` holds the cells of everybody.
CSV writes their values; terminal, Markdown, LaTeX and HTML write their texts.

    cell, columns, ranking_columns,
    runtime_columns                                 what a cell and its column are; all columns
    claims, empty_cells, remarks, board             everybody's cells, and what they cannot say
    csv_table, long_csv_table, layer_csv,
    markdown_table, latex_table, html/              a file each; formats lists them
    figure_points, image_matrix                     what charts are drawn of
    paper/                                          charts and the comparison of a paper
    terminal_table, terminal                        what is printed, at the end and on the way
    compare/                                        two runs side by side
"""
