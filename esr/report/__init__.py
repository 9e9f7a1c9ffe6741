"""Columns, and every file and screen that shows them.

A module imports only those before it in this list.

    claims      the factsheet's figures beside the measured ones
    placing     ranks, scores, intervals as people read them
    column      what a column is
    ranking_columns, timing_columns, realtime_columns, columns  what stands in a table
    realtime_remarks  what was not measured as the Real-Time challenge asks
    remarks     what the figures cannot say themselves
    board       all that a table needs
    sheet       the board as people read it: rounded, ranked and unranked and failed apart
    table_csv   leaderboard.csv
    table_markdown  leaderboard.md
    latex_text, table_latex  leaderboard.tex
    html_table, html_bubbles, html_charts, html_parts, report_html  report.html
    formats     FORMATS: every file that is written
    terminal    as many whole columns as fit
    layer_table  what `esr.measure.counts.layer_costs` found, on the terminal
    summary     how a run of several submissions ended
    report      what the commands print
"""
