"""The folder of an extraction: what was asked for, what is there, and what is missing.

The answer of a request is a chunk, and what a folder already holds follows from the chunks alone: nothing
can be out of step with them after a crash. The manifest remembers what was asked for, what the services had
when they were last looked at, and what a span that is fetched anew still lacks.

What a service can bring is its *extraction*: `layers`, `fingerprint`, `day_basis`, `assets` and `source` for
the manifest and the panel, `offset_hours(longitudes)`, `units_on(days)`, `derived(columns)`, `to_dict()`,
`joined(facts)`, `fingerprint_of(part)` and `fingerprints_of(facts)`. A *layer* is what one request brings:
`name`, `columns`, `cadence` ("day", "year", "once"), `has_local_days`, `periods(start, end)`,
`period_of(days)`, `period_end(period)` and `complete_from(period)`. Its `parts` are layers, too, each with
one product alone, whose name is `key`; `counts_images` says whether its images can be counted. What of it
counts as a value are its `value_columns`, and `only(*products)` leaves out the others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import filelock
import numpy as np

import airq
from airq.io import write_json
from airq.sources.arrivals import LOOK_DAYS, NEVER, UNASKED, Arrivals, Held, View
from airq.sources.chunks import SUFFIX, read_chunks, write_chunk
from airq.sources.site_days import SAME_DEGREES, SiteDays, today, utc_now

MANIFEST = "manifest.json"
CHUNKS = "chunks"
PANEL = "panel.parquet"

#: Days for which values that were empty are asked for again, where a service notes them. [d]
EMPTY_DAYS = 30
#: Local days on either side of one that images came late for, which may lack some of the same. [d]
NEAR = 2


@dataclass(frozen=True)
class LayerRequest:
    """Cities and periods of a layer that are asked for."""

    layer: object
    #: Row numbers of the cities in the table of sites, int of shape (n_cities,).
    rows: np.ndarray
    #: Periods, datetime64[D] of shape (n_periods,).
    periods: np.ndarray
    #: Hours by which the local day of these cities begins before the day in UTC.
    offset_hours: int = 0


@dataclass
class Folder:
    """An extraction's folder."""

    path: Path
    #: Of the service that fills it, with what earlier runs asked for.
    extraction: object
    #: Cities and days, those of earlier runs among them.
    site_days: SiteDays
    #: What earlier runs cost.
    runs: list = field(default_factory=list)
    #: What the panel holds, where it was written.
    panel_facts: dict | None = None
    #: The date in UTC, datetime64[D].
    on_day: np.datetime64 = field(default_factory=lambda: today())
    #: What looks for images found.
    arrivals: Arrivals = field(default_factory=Arrivals)
    #: Spans that are being fetched anew: `start`, `end`, `products` and the time `since` when.
    refreshes: list = field(default_factory=list)
    #: By the fingerprint of a whole extraction, which earlier versions wrote, those of its products.
    earlier: dict = field(default_factory=dict)
    #: Facts of products of earlier versions, with the day on which they were replaced.
    replaced: list = field(default_factory=list)
    #: Tasks that a service works on, as whoever started them names them.
    tasks: dict = field(default_factory=dict)
    _opened: np.datetime64 = field(default_factory=lambda: utc_now().astype("datetime64[D]"), init=False)

    @property
    def chunks(self):
        """Folder of the chunks."""
        return self.path / CHUNKS

    @property
    def panel(self):
        """File of the panel."""
        return self.path / PANEL

    @property
    def places(self):
        """Longitude and latitude of the cities [°], shape (n_sites, 2)."""
        return self.site_days.sites[["longitude", "latitude"]].to_numpy()

    @property
    def now(self):
        """The time in UTC, as if the run had begun on its date, datetime64[ms]."""
        return utc_now() + (self.on_day - self._opened)

    @property
    def parts(self):
        """Every product with the area around a city, as layers with one product alone."""
        return [part for layer in self.extraction.layers for part in layer.parts]

    def refresh(self, start, end, products):
        """Fetch days of products anew; one that was begun and not finished goes on.

        Raises ValueError if no city is asked for on any of the days.
        """
        asked = self.site_days.days[self.site_days.mask(self.site_days.days).any(axis=0)]
        if not ((asked >= np.datetime64(start)) & (asked <= np.datetime64(end))).any():
            raise ValueError(
                f"{self.path} has no day from {start} to {end} that could be fetched anew: its days run from "
                f"{asked[0]} to {asked[-1]}."
            )
        span = {"start": str(start), "end": str(end), "products": sorted(products)}
        if not any(span.items() <= own.items() for own in self.refreshes):
            self.refreshes.append({**span, "since": str(self.now)})

    def keep(self, request, values, *, began=None, **more):
        """Write the values of a LayerRequest, shape (n_cities, n_periods, n_columns), as a chunk.

        They were fetched now, unless a time in UTC is given at which that `began`.
        """
        now = self.now
        if began is not None:
            now = min(np.datetime64(began).astype("datetime64[ms]") + (self.on_day - self._opened), now)
        layer, sites = request.layer, self.site_days.sites
        columns = list(layer.columns)
        without = {}
        for part in layer.parts:
            own = values[:, :, [columns.index(name) for name in part.value_columns]]
            if len(empty := np.flatnonzero(np.isnan(own).all(axis=(0, 2)))):
                without[part.key] = empty
        return write_chunk(
            self.chunks,
            fingerprints={part.key: self.extraction.fingerprint_of(part) for part in layer.parts},
            layer=layer.name,
            columns=columns,
            sites=sites.index[request.rows].tolist(),
            places=self.places[request.rows],
            periods=request.periods,
            values=values,
            fetched=now,
            without=without,
            **more,
        )

    def read_chunks(self):
        """Return the chunks of this folder's products whose cities have not moved, and damaged files."""
        chunks, damaged = read_chunks(self.chunks)
        sites = self.site_days.sites
        places = dict(zip(sites.index, sites[["longitude", "latitude"]].to_numpy(), strict=True))
        keys = {part.key for part in self.parts}

        def is_own(chunk):
            # Cities that are not asked for now have no place to compare with.
            here = [places.get(site, own) for site, own in zip(chunk.sites, chunk.places, strict=True)]
            return (
                keys & set(chunk.fingerprints)
                and (np.abs(np.array(here) - chunk.places) <= SAME_DEGREES).all()
            )

        own = [chunk for chunk in map(self._identified, chunks) if is_own(chunk)]
        # What a clock that ran ahead has stamped must not prevail over what came since.
        return sorted(own, key=lambda chunk: not self._ahead(chunk)), damaged

    def _identified(self, chunk):
        """Return a chunk with fingerprints by product, those of an earlier version from its manifest."""
        if chunk.fingerprints:
            return chunk
        alone = {chunk.layer: chunk.fingerprint}
        return dataclasses.replace(chunk, fingerprints=self.earlier.get(chunk.fingerprint, alone))

    def unidentified(self):
        """Return the chunks of an earlier version that no manifest tells the products of."""
        keys = {part.key for part in self.parts}
        chunks = [self._identified(own) for own in read_chunks(self.chunks)[0] if own.fingerprint]
        return [own for own in chunks if not keys & set(own.fingerprints)]

    def _ahead(self, chunk):
        return chunk.fetched.astype("datetime64[D]") > self.on_day

    def serves(self, chunk, part):
        """Return whether a chunk holds the values of a part as it is asked for now."""
        return (
            chunk.fingerprints.get(part.key) == self.extraction.fingerprint_of(part)
            and set(part.columns) <= chunk.columns
        )

    def held(self, part, chunks):
        """Return what chunks hold of a part, as Held."""
        periods, asked = self._asked_for(part)
        fetched, (outdated, late) = np.full(asked.shape, NEVER), np.zeros((2, *asked.shape), dtype=bool)
        filled = np.zeros(len(periods), dtype=bool)
        for chunk in chunks:
            if part.key not in chunk.fingerprints or chunk.columns.isdisjoint(part.columns):
                continue
            rows, columns, inside = self.site_days.cells_of(chunk, periods)
            at = np.ix_(rows, columns)
            if not self.serves(chunk, part):
                outdated[at] = True
                continue
            fetched[at], late[at] = chunk.fetched, False
            if chunk.empty:
                late[self._still_empty(chunk, part, periods)] = True
            if len(rows) and len(columns):
                filled[columns] |= chunk.has_values(part.key, part.value_columns)[inside]
        # An image that came late for a local day may be one of the days beside it, too.
        near = NEAR if self.extraction.day_basis == "local" and part.has_local_days else 0
        looks = self.arrivals.of(part.key, periods, near=near)
        return Held(part, periods, asked, fetched, outdated, late, filled, looks)

    def lacking(self, held, *, hopeful=False):
        """Return what of a part must be asked for, shape (n_cities, n_periods)."""
        part, lacking = held.part, held.lacking(self.on_day)
        if hopeful and part.counts_images:
            lacking |= held.empty & (held.again() <= self.on_day)
        for own in self.refreshes:
            if part.key in own["products"]:
                days = np.arange(np.datetime64(own["start"]), np.datetime64(own["end"]) + 1)
                lacking |= (held.fetched <= np.datetime64(own["since"])) & np.isin(
                    held.periods, part.period_of(days)
                )
        return lacking & held.asked

    def to_look_at(self, chunks, *, asked=False):
        """Return the Views to count the images of before anything is asked for, or once it was `asked` for.

        They are of periods whose pause is over, and of what is missing of those that may still get images;
        where cities were added, near those before and then near all. Afterwards they are of the periods that
        were asked for today, without a look and without a value.
        """
        views = {}
        for part in self.parts:
            held = self.held(part, chunks)
            recent = held.ends + LOOK_DAYS[part.cadence] > self.on_day
            wanted = self.lacking(held).any(axis=0) & recent | (held.again() <= self.on_day)
            doubt = held.empty | (held.first < held.expected)
            if asked:
                wanted = held.empty & (held.looks.images == UNASKED) & (held.first == self.on_day)
                doubt = np.zeros_like(wanted)
            for number in np.flatnonzero(wanted & part.counts_images):
                where = part, held.periods[number]
                since, counted = held.first[number], held.counted_before(number)
                own = [View(*where, held.asked[:, number], since, bool(doubt[number]), counted is not None)]
                if counted is not None:
                    own.insert(0, View(*where, counted, since))
                for view in own:
                    same = views.setdefault((part.key, view.period, view.widened), view)
                    # Of rings, the last reaches the farthest.
                    same.part, same.doubt = part, same.doubt | view.doubt
        return list(views.values())

    def waiting(self, chunks):
        """Return the periods of which no city has a value, for each product that has any.

        They are `product`, `periods` (how many are asked for), those that have `no_image`, those that are
        `masked` (there are images), those of which that is `unknown`, and `again`, the day from which those
        that may still come are looked at again (None if none may).
        """
        found = {}
        for part in self.parts:
            held = self.held(part, chunks)
            if not (part.counts_images and held.empty.any()):
                continue
            images, again = held.looks.images, held.again()[held.empty & (held.looks.images <= 0)]
            kinds = {"no_image": images == 0, "masked": images > 0, "unknown": images < 0}
            found[part.key] = {
                "product": part.key,
                "periods": len(held.periods),
                **{kind: held.periods[held.empty & own].astype(str).tolist() for kind, own in kinds.items()},
                "again": None if np.isnat(again).all() else str(again[~np.isnat(again)].min()),
            }
        return list(found.values())

    def changes(self, chunks):
        """Return what is fetched although the folder has the days and cities: product, reason, city-days."""
        found = {}
        refreshed = {key for own in self.refreshes for key in own["products"]}
        for part in self.parts if self.panel_facts else ():
            held = self.held(part, chunks)
            lacking = self.lacking(held)
            if (lacking & held.outdated & (held.fetched == NEVER)).any():
                now = self.extraction.fingerprint_of(part)
                same = any(own.fingerprints.get(part.key) == now for own in chunks)
                reason = "asked for with more columns" if same else "changed in the catalogue"
            elif not (held.fetched > NEVER).any():
                reason = "added"
            elif part.key in refreshed:
                reason = "asked for anew"
            else:
                continue
            own = found.setdefault(part.key, {"product": part.key, "reason": reason, "city_days": 0})
            own["city_days"] = max(own["city_days"], int(lacking.sum()))
        return [own for own in found.values() if own["city_days"]]

    def missing(self, chunks, *, hopeful=False, begun=()):
        """Return what must be asked for, as a list of LayerRequest, the longest work first.

        Products of a layer that lack the same cities and periods are asked for together. If `hopeful`, the
        periods without a value whose pause is over are among it, as if they had got images since. Requests
        that are `begun` and still lack everything come first, as they are.
        """
        offsets = self.extraction.offset_hours(self.site_days.sites["longitude"])
        requests, kept = [], []
        for layer in self.extraction.layers:
            periods, asked = self._asked_for(layer)
            # A bit for each part that is lacking; where it has no images it costs nothing to take it along.
            lacking, without = np.zeros(asked.shape, dtype="uint32"), np.zeros(len(periods), dtype="uint32")
            for number, part in enumerate(layer.parts):
                held = self.held(part, chunks)
                there = np.isin(periods, held.periods)
                own = self.lacking(held, hopeful=hopeful)
                lacking[:, there] |= own.astype("uint32") << number
                without[~there] |= 1 << number
            for own in begun:
                if own.layer.name != layer.name or not np.isin(own.periods, periods).all():
                    continue
                keys = {part.key for part in own.layer.parts}
                bits = sum(1 << number for number, part in enumerate(layer.parts) if part.key in keys)
                at = np.ix_(own.rows, np.searchsorted(periods, own.periods))
                if (lacking[at] & bits).all():
                    kept.append(own)
                    lacking[at] &= ~np.uint32(bits)
            lacking = np.where(lacking, lacking | without, 0)
            by_day = offsets if layer.has_local_days else np.zeros_like(offsets)
            for code in np.unique(lacking[lacking > 0]):
                parts = [part for number, part in enumerate(layer.parts) if code >> number & 1]
                products = [product for part in parts for product in part.products]
                requests += _grouped(layer.only(*products), lacking == code, periods, by_day)
        requests.sort(key=lambda own: -len(own.rows) * len(own.periods) * len(own.layer.columns))
        return kept + requests

    def ages(self, chunks, days):
        """Return when each city's values of each day came, and whether they no longer change.

        Three arrays of shape (n_cities, n_days): the time (datetime64[ms]) at which all of them had come, and
        that at which any came last, NaT where a part's values have not come; and a mask, which what changes
        with the year or never does not decide. Parts without a period of a day have nothing to wait for.
        """
        all_came = np.full((len(self.site_days.sites), len(days)), np.datetime64("9999-01-01", "ms"))
        last_came, settled = np.full(all_came.shape, NEVER), np.ones(all_came.shape, dtype=bool)
        for part in self.parts:
            held = self.held(part, [chunk for chunk in chunks if not self._ahead(chunk)])
            known = np.isin(part.period_of(days), held.periods)
            columns = np.searchsorted(held.periods, part.period_of(days)[known])
            all_came[:, known] = np.minimum(all_came[:, known], held.fetched[:, columns])
            last_came[:, known] = np.maximum(last_came[:, known], held.fetched[:, columns])
            if part.cadence == "day":
                # A look that found nothing new stands for a request.
                looked = np.where(held.fetched < held.looks.grown, NEVER, held.looks.looked)
                final = np.fmax(held.fetched, looked) >= held.expected
                settled[:, known] &= (final & (held.fetched > NEVER) & ~held.late)[:, columns]
        lacking = (all_came == NEVER) | (last_came == NEVER)
        all_came[lacking], last_came[lacking] = np.datetime64("NaT"), np.datetime64("NaT")
        return all_came, last_came, settled

    def _still_empty(self, chunk, part, periods):
        """Return rows and columns of a part's table where a chunk has no value that may still come."""
        own, when = np.array(chunk.empty).T
        rows = self.site_days.sites.index.get_indexer(np.array(chunk.sites, dtype=object)[own])
        columns = np.searchsorted(periods, chunk.periods[when])
        there = (rows >= 0) & (columns < len(periods))
        there[there] = periods[columns[there]] == chunk.periods[when][there]
        complete = [part.complete_from(period) for period in chunk.periods[when]]
        there &= np.array(complete, dtype="datetime64[D]") + EMPTY_DAYS > self.on_day
        return rows[there], columns[there]

    def superseded(self, chunks):
        """Return the chunks all of whose values were fetched again since."""
        days, keys = self.site_days.days, {part.key for part in self.parts}
        # What is not asked for now may be later: such a chunk stays.
        needed = {chunk.path for chunk in chunks if set(chunk.fingerprints) - keys}
        for part in self.parts:
            periods = np.unique(part.period_of(days))
            seen = np.zeros((len(self.site_days.sites), len(periods)), dtype=bool)
            serving = [chunk for chunk in chunks if self.serves(chunk, part)]
            others = [chunk for chunk in chunks if part.key in chunk.fingerprints and chunk not in serving]
            for chunk in [*reversed(serving), *others]:
                rows, columns, inside = self.site_days.cells_of(chunk, periods)
                whole = len(rows) == len(chunk.sites) and inside.all()
                if not whole or not seen[np.ix_(rows, columns)].all():
                    needed.add(chunk.path)
                seen[np.ix_(rows, columns)] = True
        return [chunk for chunk in chunks if chunk.path not in needed]

    def _asked_for(self, layer):
        """Return periods of a layer, and which of each city are asked for, shape (n_cities, n_periods)."""
        days = self.site_days.days
        periods = layer.periods(days[0], days[-1])
        mask, of_day = self.site_days.mask(days), layer.period_of(days)
        if layer.cadence == "day":
            return periods, mask[:, np.isin(days, periods)]
        columns = [mask[:, of_day == period].any(axis=1) for period in periods]
        return periods, np.column_stack(columns) if columns else np.zeros((len(mask), 0), dtype=bool)

    def write_manifest(self):
        """Write what the folder holds. No credential is among it."""
        write_json(
            self.path / MANIFEST,
            {
                "airq": airq.__version__,
                "fingerprint": self.extraction.fingerprint,
                "extraction": self.extraction.to_dict(),
                "assets": self.extraction.assets,
                "first_day": str(self.site_days.days[0]),
                "last_day": str(self.site_days.days[-1]),
                "cities_sha256": self.site_days.cities_hash,
                "panel": self.panel_facts,
                "runs": self.runs,
                "images": self.arrivals.to_dict(),
                "refreshes": self.refreshes,
                "replaced": self.replaced,
                "earlier": self.earlier,
                **({"tasks": self.tasks} if self.tasks else {}),
                "cities": self.site_days.to_dict(),
            },
        )


def _grouped(layer, lacking, periods, offsets):
    """Return requests of cities that lack the same periods."""
    requests = []
    packed = np.packbits(lacking, axis=1)
    keys = np.column_stack([offsets.astype("int16").view("uint8").reshape(len(offsets), -1), packed])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    for number, row in enumerate(first):
        if lacking[row].any():
            rows = np.flatnonzero(inverse.ravel() == number)
            requests.append(LayerRequest(layer, rows, periods[lacking[row]], int(offsets[row])))
    return requests


def open_folder(path, extraction, site_days, on_day=None):
    """Return the Folder at a path, with the cities and days that are asked for now added.

    `on_day` (datetime64[D]) is the date in UTC, by default today.

    Raise ValueError if it belongs to another extraction, its manifest is damaged, or a city has moved;
    FileExistsError if it holds something else.
    """
    path, on_day = Path(path), on_day or today()
    if not (path / MANIFEST).exists():
        names = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
        visible = {name for name in names if not name.startswith(".")}
        ours = visible <= {CHUNKS} or (CHUNKS in visible and visible <= {CHUNKS, PANEL})
        if path.exists() and not (path.is_dir() and ours):
            raise FileExistsError(f"{path} exists and has no {MANIFEST}; choose another name for --out.")
        return Folder(path, extraction, site_days, on_day=on_day)
    try:
        facts = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        before, panel, held = facts["extraction"], facts.get("panel"), SiteDays.from_dict(facts["cities"])
        columns = panel["columns"] if panel else []
        changed = extraction.differences(before, columns)
        joined = extraction if changed else extraction.joined(before, columns)
        then = {} if changed else extraction.fingerprints_of(before)
        folder = Folder(
            path,
            joined,
            held,
            list(facts["runs"]),
            panel,
            on_day,
            Arrivals(facts.get("images")),
            list(facts.get("refreshes", [])),
            # Of the whole extraction, where an earlier version wrote it.
            dict(facts["earlier"]) if "earlier" in facts else {facts["fingerprint"]: then},
            list(facts.get("replaced", [])),
            dict(facts.get("tasks", {})),
        )
        _check_notes(folder)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(
            f"{path / MANIFEST} is damaged, or of another version of airq. Delete it and run again: whole "
            "chunks are used again."
        ) from None
    if changed:
        raise ValueError(
            f"{path} was begun with other settings ({', '.join(changed)}); values of two kinds would mix. "
            "Repeat the command that began it, or choose another --out."
        )
    folder.site_days = held.union(site_days)
    now = {part.key: folder.extraction.fingerprint_of(part) for part in folder.parts}
    folder.replaced += [
        {"until": str(on_day), "airq": facts.get("airq"), **product}
        for product in before.get("products", [])
        if then and now.get(product["key"]) != then[product["key"]]
    ]
    return folder


def _check_notes(folder):
    """Check what a manifest notes of days, products, images and tasks.

    Raises ValueError, LookupError, TypeError or AttributeError where something is missing or of another kind.
    """
    blocks, cities = folder.tasks.get("blocks", {}).values(), folder.tasks.get("cities", [])
    times = [own[name] for own in folder.refreshes for name in ("start", "end", "since")]
    times += [own["newest"] for own in blocks if "newest" in own]
    times += [day for own in folder.site_days.spans.values() for start, end in own for day in (start, end)]
    names = [own[name] for own in folder.replaced for name in ("until", "key")]
    names += [own["layer"] for own in blocks]
    # A list plus what is no list raises TypeError.
    times = sum((own["periods"] for own in blocks), times)
    names = sum((own["products"] for own in [*folder.refreshes, *blocks]), names)
    names = sum((cities[own["cities"]] for own in blocks), names)
    names += [name for own in blocks for name in own.get("columns", [])]
    names += [name for own in blocks for name in own.get("fingerprints", {}).values()]
    if not all(isinstance(own, str) for own in names + times):
        raise TypeError("A name or a time is no text.")
    if np.isnat(np.array(times, dtype="datetime64[ms]")).any():
        raise ValueError("A time is empty.")
    for own in blocks:
        if "fingerprints" in own and not {"numbers", "columns"} <= set(own):
            raise LookupError("A task lacks a part.")
        [int(number) for number in (own["offset_hours"], *own.get("numbers", {}).values())]
    for key, looks in folder.arrivals.to_dict().items():
        # Beside a period without a look, a list in the place of a number is told, too.
        folder.arrivals.of(key, [None, *looks])
        if not all(isinstance(own, str | None) for look in looks.values() for own in look[5:]):
            raise TypeError("What tells images apart is no text.")


@contextlib.contextmanager
def locked_folder(path):
    """Lock the folder; remove leftovers of a killed run.

    Raises BlockingIOError if another process has locked it.
    """
    chunks = Path(path) / CHUNKS
    chunks.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(chunks / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(
            f"Another airq process is at work in {path}; wait until it ends, or choose another --out."
        ) from None
    try:
        for pattern in (f"{CHUNKS}/.*{SUFFIX}.*", f".{PANEL}.*", f".{MANIFEST}.*"):
            for scratch in Path(path).glob(pattern):
                shutil.rmtree(scratch, ignore_errors=True)
        yield
    finally:
        lock.release()
