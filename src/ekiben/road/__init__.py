"""The stations in order; resumes where it stopped."""
