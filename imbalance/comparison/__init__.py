"""Compare what is done to the rows and to the probabilities, on the same folds."""
