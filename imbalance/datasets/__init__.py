"""Real imbalanced data sets that load offline."""
