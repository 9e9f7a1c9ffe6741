"""Columns, and every file and screen that shows them."""
