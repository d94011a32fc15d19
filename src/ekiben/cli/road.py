"""The whole road on the command line."""
