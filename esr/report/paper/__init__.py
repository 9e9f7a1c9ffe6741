"""For a paper: the charts of the report a column wide, and the comparison on several sets."""
