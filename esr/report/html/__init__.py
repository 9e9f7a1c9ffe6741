"""`report.html`: the page, its charts, its table, a part for each submission; `templates/`."""
