"""Station 6 on the command line."""
