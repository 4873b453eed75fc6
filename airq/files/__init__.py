"""Read files of anybody: text, tables and where their header stands."""
