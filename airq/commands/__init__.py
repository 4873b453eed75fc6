"""Commands of `airq` by subject, and what they share; :mod:`airq.cli` puts them together."""
