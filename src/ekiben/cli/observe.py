"""Station 7 on the command line."""
