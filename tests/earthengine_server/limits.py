"""What the server refuses, and how long its answers take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of the service; the defaults are its documented ones.

    Attributes
    ----------
    concurrent : int
        Compute requests at once; one more is answered 429.
    bands : int
        Bands of an image.
    elements : int
        Elements of a collection or list through value:compute.
    page_size : int
        Features of a page if the client does not ask for a number; never more than this.
    seconds : float
        Computing time by the latency model, after which a request fails with 400. [s]
    cells : float
        Regions times bands that fit in memory; more fail with 400.
    per_second : float
        Requests in any second; more are answered 429. [s⁻¹]
    tiles_help : bool
        Whether with a `tileScale` so many times more cells fit in memory.
    """

    concurrent: int = 40
    bands: int = 5000
    elements: int = 5000
    page_size: int = 1000
    seconds: float = 300.0
    cells: float = float("inf")
    per_second: float = float("inf")
    tiles_help: bool = False


@dataclass(frozen=True)
class Latency:
    """How long an answer takes: `fixed` + `per_city_band` x regions x bands.

    The defaults are calibrated to the reference project, which took 16.8 s a date: two requests, each
    for half of 555 cities and 9 bands.

    Attributes
    ----------
    fixed : float
        Of every compute request. [s]
    per_city_band : float
        Of every region and band of the image that is reduced. [s]
    scale : float
        Length of a modelled second on the clock: below 1 everything passes faster.
    """

    fixed: float = 1.5
    per_city_band: float = 0.00276
    scale: float = 1.0

    def seconds(self, regions, bands):
        """Modelled time of a request, before scaling. [s]

        >>> round(2 * Latency().seconds(regions=277.5, bands=9), 1)
        16.8
        """
        return self.fixed + self.per_city_band * regions * bands


#: Answers as soon as they are computed.
NO_LATENCY = Latency(fixed=0.0, per_city_band=0.0)
