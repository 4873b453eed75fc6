"""Words, tables and pictures about figures."""
