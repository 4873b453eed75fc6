"""Folds, scores and nested evaluation on held-out places."""
