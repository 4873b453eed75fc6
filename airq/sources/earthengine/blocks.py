"""Blocks: what one task of Earth Engine brings, named by all that decides it. Nothing here is sent."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass, field

import numpy as np

from airq.geo import order_in_space
from airq.sources.arrivals import NEVER
from airq.sources.earthengine.planning import SampleRequest, estimate

#: Cities of a block: three for 555. A month of 18 bands then takes some six minutes by the first guess.
MOST_CITIES = 250
#: What a task takes beside its cells, an assumption. [s]
SECONDS_PER_TASK = 60.0
#: Tasks that Earth Engine runs at once for a project, on average; paid plans and tiers may have more.
TASKS_AT_ONCE = 2


@dataclass
class Attempt:
    """A task of a block, as the list of operations or a file tells of it."""

    #: PENDING, RUNNING, CANCELLING, SUCCEEDED, FAILED, CANCELLED; "" if only a file is known.
    state: str = ""
    #: Name at the service, and its reason if it failed.
    operation: str | None = None
    reason: str = ""
    #: When it began, ISO 8601 in UTC.
    began: str = ""
    files: list = field(default_factory=list)


@dataclass
class Block:
    """What one task brings: cities and periods of a layer, as a request does, only larger."""

    request: SampleRequest
    #: Hash of all that decides it, of 40 digits.
    key: str
    #: Facts of the hash, apart from cities and periods: fingerprints by product, columns, destination, and
    #: when the newest value came that was there before.
    facts: dict
    #: Number of the first band of each product in the files.
    numbers: dict
    #: Attempts by their number, those before this run among them.
    attempts: dict = field(default_factory=dict)
    #: Of this run: tasks started, looks for the file of one that ended, and whether one was seen at work.
    starts: int = 0
    looks: int = 0
    seen: bool = False

    def __str__(self):
        layer, request = self.request.layer, self.request
        words = [", ".join(map(layer.name_of, layer.products)), f"{len(request.rows):,} cities"]
        if layer.cadence != "once":
            digits = 4 if layer.cadence == "year" else 10
            ends = dict.fromkeys(str(period)[:digits] for period in request.periods[[0, -1]])
            words.insert(1, " to ".join(ends))
        return ", ".join(words)

    @property
    def is_part(self):
        """Whether its tasks bring products, too, that the catalogue has corrected or dropped since."""
        return len(self.numbers) > len(self.request.layer.products)

    def renumbered(self, features):
        """Return features of its files with bands that are numbered as its request numbers them."""
        if not self.is_part:
            return features
        layer = self.request.layer
        first = layer.first_bands
        own = {
            number - first[product.key] + self.numbers[product.key]: number
            for product, _, number in layer.numbered_bands()
        }
        renamed = {}
        for name in set().union(*features):
            if (band := re.fullmatch(r"([vt])(\d+)(_.*)", name)) is None:
                renamed[name] = name
            elif int(band[2]) in own:
                renamed[name] = f"{band[1]}{own[int(band[2])]}{band[3]}"
        return [{renamed[name]: row[name] for name in row if name in renamed} for row in features]

    def name(self, number):
        """Return the name of an attempt; up to the underscore it is the id of its request."""
        return f"airq-{self.key}-{number}_{self.request.layer.name}_{self.request.periods[0]}"[:100]

    def halves(self, places):
        """Return two blocks in the place of this one, which has more than one city or period."""
        axis = "periods" if len(self.request.periods) > 1 else "rows"
        parts = np.array_split(getattr(self.request, axis), 2)
        requests = [dataclasses.replace(self.request, tile_scale=1, **{axis: part}) for part in parts]
        return [_block(request, places, self.facts, self.numbers) for request in requests]


def blocks_of(folder, chunks, destination="", *, hopeful=False):
    """Return what is missing of a folder as blocks; what is `hopeful` is told by :meth:`Folder.missing`.

    They are months of days, and neighbouring cities among all of the folder's, whatever is missing: once a
    block is there, those that are left keep their names. So do those that were begun, when cities, days or
    products are added, and when the catalogue corrects one of their products: they bring the others. What is
    fetched anew has another name than before.
    """
    places = folder.places
    held = {part: folder.held(part, chunks) for part in folder.parts}
    fingerprints = folder.extraction.fingerprints

    def block(request, noted=None):
        layer = request.layer
        facts = noted or {
            "fingerprints": {product.key: fingerprints[product.key] for product in layer.products},
            "columns": layer.columns,
            "numbers": layer.first_bands,
        }
        # When the last of the values came that the folder holds; of a half, those of its whole.
        newest = np.datetime64(facts.get("newest", NEVER))
        for part in layer.parts:
            at = np.ix_(request.rows, np.isin(held[part].periods, request.periods))
            newest = max(newest, held[part].fetched[at].max(initial=NEVER))
        own = {name: facts[name] for name in ("fingerprints", "columns")}
        own |= {"destination": str(destination), "newest": str(newest)}
        return _block(request, places, own, facts["numbers"])

    begun = [block(request, noted) for request, noted in _begun(folder)]
    begun = {id(own.request): own for own in begun if own.key in folder.tasks["blocks"]}
    requests = [own.request for own in begun.values()]
    order = order_in_space(*places.T)
    groups = np.array_split(order, math.ceil(len(order) / MOST_CITIES))
    found = []
    for own in folder.missing(chunks, hopeful=hopeful, begun=requests):
        if id(own) in begun:
            found.append(begun[id(own)])
            continue
        months = own.periods.astype("datetime64[M]" if own.layer.cadence == "day" else "datetime64[100Y]")
        for month in np.unique(months):
            for group in groups:
                if len(rows := group[np.isin(group, own.rows)]):
                    periods = own.periods[months == month]
                    found.append(block(SampleRequest(own.layer, rows, periods, own.offset_hours)))
    return found


def note_begun(folder, blocks):
    """Note blocks in the manifest of a folder, for as long as no chunk holds them; none if there are none."""
    groups, facts = {}, {}
    for own in blocks:
        request = own.request
        cities = tuple(folder.site_days.sites.index[request.rows])
        facts[own.key] = {
            "layer": request.layer.name,
            "products": list(own.numbers),
            "numbers": own.numbers,
            "cities": groups.setdefault(cities, len(groups)),
            "periods": request.periods.astype(str).tolist(),
            "offset_hours": request.offset_hours,
            **{name: own.facts[name] for name in ("fingerprints", "columns", "newest")},
        }
    folder.tasks = {"cities": list(map(list, groups)), "blocks": facts} if facts else {}
    folder.write_manifest()


def _begun(folder):
    """Return the requests of the blocks that were begun, each with what is noted of it.

    They are of the products that are still what they were.
    """
    fingerprints = folder.extraction.fingerprints
    layers, index = {layer.name: layer for layer in folder.extraction.layers}, folder.site_days.sites.index
    for facts in folder.tasks.get("blocks", {}).values():
        layer = layers.get(facts["layer"])
        then = facts.get("fingerprints", {})
        products = layer.products if layer else ()
        products = [own for own in products if then.get(own.key) == fingerprints[own.key]]
        rows = index.get_indexer(folder.tasks["cities"][facts["cities"]])
        if products and (rows >= 0).all():
            periods = np.array(facts["periods"], dtype="datetime64[D]")
            yield SampleRequest(layer.only(*products), rows, periods, facts["offset_hours"]), facts


def _block(request, places, facts, numbers):
    deciding = {
        **facts,
        "places": places[request.rows].round(6).tolist(),
        "periods": request.periods.astype(str).tolist(),
        "offset_hours": request.offset_hours,
    }
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:40]
    return Block(request, digest, facts, numbers)


def estimate_tasks(blocks):
    """Return the Cost of the tasks of blocks, by the first guess of their time."""
    requests = [block.request for block in blocks]
    seconds = [SECONDS_PER_TASK + own.cells * own.first_pace().seconds_per_cell for own in requests]
    return estimate(list(zip(requests, seconds, strict=True)), workers=TASKS_AT_ONCE)
