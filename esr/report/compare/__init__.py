"""Two runs side by side.

A module imports only those before it in this list.

    noise       the test behind "beyond noise"
    facts, difference, circumstances, comparison  what differs, and what it was measured under
    table_comparison, report_comparison  comparison.csv, comparison.md, the same on a terminal
"""
