"""Station 7: everything that reads the metrics contract."""
