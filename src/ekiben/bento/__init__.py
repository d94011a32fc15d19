"""Station 2: a model tag -> a bento."""
