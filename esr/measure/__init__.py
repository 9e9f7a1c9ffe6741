"""A network built, loaded, run and timed; all of it in the child."""
