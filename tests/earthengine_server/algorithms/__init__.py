"""Earth Engine's algorithms, each module those of one kind; importing it makes them known."""

from .. import reducers
from . import (
    arithmetic,
    collections,
    composites,
    dates,
    expressions,
    features,
    filters,
    images,
    lists,
    numbers,
    regions,
    texts,
)

__all__ = [
    "arithmetic",
    "collections",
    "composites",
    "dates",
    "expressions",
    "features",
    "filters",
    "images",
    "lists",
    "numbers",
    "reducers",
    "regions",
    "texts",
]
