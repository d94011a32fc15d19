"""Station 5: requests to a release, and the way back."""
