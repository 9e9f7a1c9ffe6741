"""Complexity of a network."""
