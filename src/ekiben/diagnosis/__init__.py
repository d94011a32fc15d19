"""What is, and why: status and report."""
