"""What no replicas at all would save on a trace, and whom it would keep waiting. Pure."""
