"""Station 4: an image -> a Helm revision that verified itself, or was undone."""
