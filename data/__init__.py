"""Small tables that ship with the package, see README.md; read them with importlib.resources."""
