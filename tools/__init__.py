"""What looks after the project: oldest dependencies, distributions, releases."""
