"""C* against the truth, on ten models."""
