"""A clone at work in the child."""
