"""What could deceive.

A module imports only those before it in this list.

    tamper      clocks, functions and settings that a submission has changed
    evidence    what was seen beside the measurement -> flags
    audit       the same, where it takes further passes
    other_range one image more, as if the other data_range had been declared
"""
