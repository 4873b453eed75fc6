"""Pages of the app; each has a function `page()` without arguments."""
