"""A story each: what the public functions and the commands do."""
