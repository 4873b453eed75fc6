"""Features of a panel, and the recipes that list them."""
