"""What a model is once trained: schema, golden rows, card, manifest."""
