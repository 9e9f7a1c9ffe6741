"""A network as it would be deployed: transformed by the house, timed, and restored with."""
