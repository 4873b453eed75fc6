"""Pictures of the pages: numbers in, Vega-Lite specifications out."""
