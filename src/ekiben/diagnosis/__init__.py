"""What is, and why: status, doctor, why and report."""
