"""Station 6: load, and what it needs."""
