"""A whole competition for Codabench: its files written here, its uploads scored there."""
