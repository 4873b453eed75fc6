"""Readers of tables and archives, a file a provider."""
