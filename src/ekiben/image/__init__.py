"""Station 3: a bento tag -> an image known by digest, in a registry."""
