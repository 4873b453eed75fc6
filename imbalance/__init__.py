"""Class imbalance and label shift: compare resampling strategies, correct probabilities."""
