"""The boards of one release as one HTML page, read from Prometheus over a time that has passed."""
