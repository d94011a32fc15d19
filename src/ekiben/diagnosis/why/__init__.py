"""`why`: why a release has as many replicas as it has, in one sentence with its numbers."""
