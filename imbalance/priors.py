"""Former place of names of `imbalance.probability`."""

from imbalance.probability import check_prior, correct_prior, kl_divergence  # noqa: F401
