"""The charts of the report as files for a two-column paper: SVG, PDF and PNG."""
