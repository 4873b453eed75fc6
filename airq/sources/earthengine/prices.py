"""What a city and a period of a layer cost, as Earth Engine itself has measured it.

``airq extract --check`` asks for the profile of each of its requests; what they took is remembered in a file
of the user, by service and by all that decides a value, so that ``airq plan`` need not guess.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json

from airq.io import json_ready, write_json
from airq.sources.earthengine.extraction import UNDECIDING
from airq.sources.folder import today
from airq.sources.online.calls import user_file


def remember_prices(service, prices):
    """Keep the EECU-seconds of a city and a period, by layers of one product, as measured today."""
    path = user_file("eecu", service)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {_key(layer): {"eecu_seconds": price, "on": str(today())} for layer, price in prices.items()}
    write_json(path, _known(service) | known)


def price_of(service, layer):
    """Return the EECU-seconds of a city and a period of a layer, and the day of the oldest measurement.

    None and None unless each of its products was measured.
    """
    known = _known(service)
    found = [known.get(_key(layer.only(product))) for product in layer.products]
    if None in found:
        return None, None
    return sum(one["eecu_seconds"] for one in found), min(one["on"] for one in found)


def _known(service):
    try:
        return json.loads(user_file("eecu", service).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _key(layer):
    (product,) = json_ready(dataclasses.asdict(layer))["products"]
    deciding = {name: value for name, value in product.items() if name not in UNDECIDING}
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]
    return f"{layer.name} {product['key']} {digest}"
