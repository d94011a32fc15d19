"""Autoscalers under synthetic traffic, and what they cost above a clairvoyant."""
