"""Two runs side by side.

A module imports only those before it in this list.

    noise                        the test behind "beyond noise"
    circumstances                files, settings and machine that two records say
    comparable_facts             figures that two runs can be compared in
    difference, comparison       what differs, and what that means; every submission of two runs
    comparison_files, comparison_terminal  comparison.csv and comparison.md, the same on a terminal
"""
