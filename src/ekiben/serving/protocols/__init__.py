"""What clients speak: one module per protocol, each pure, from bytes to an answer."""
