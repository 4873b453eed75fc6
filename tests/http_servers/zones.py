"""Time zones: by country in Africa, by the sun elsewhere.

The service looks them up on a map of the world. Here a place has the zone of the nearest bundled city's
country.
"""

from __future__ import annotations

import functools
import importlib.resources
import zoneinfo

import numpy as np
import pandas as pd

from airq.cities import bundled_cities
from airq.geo import nearest

#: Farthest city whose country's time a place has. [km]
FAR_KM = 500

_ZONES = """
AGO Luanda,BDI Bujumbura,BEN Porto-Novo,BFA Ouagadougou,BWA Gaborone,CAF Bangui,CIV Abidjan,CMR Douala,
COD Kinshasa,COG Brazzaville,DJI Djibouti,DZA Algiers,EGY Cairo,ERI Asmara,ESH El_Aaiun,ETH Addis_Ababa,
GAB Libreville,GHA Accra,GIN Conakry,GMB Banjul,GNB Bissau,GNQ Malabo,KEN Nairobi,LBR Monrovia,LBY Tripoli,
LSO Maseru,MAR Casablanca,MLI Bamako,MOZ Maputo,MRT Nouakchott,MWI Blantyre,NAM Windhoek,NER Niamey,NGA Lagos,
RWA Kigali,SDN Khartoum,SEN Dakar,SLE Freetown,SOM Mogadishu,SSD Juba,STP Sao_Tome,SWZ Mbabane,TCD Ndjamena,
TGO Lome,TUN Tunis,TZA Dar_es_Salaam,UGA Kampala,ZAF Johannesburg,ZMB Lusaka,ZWE Harare
"""
ZONES = {entry.split()[0]: f"Africa/{entry.split()[1]}" for entry in _ZONES.replace("\n", "").split(",")}
ZONES |= {
    "CPV": "Atlantic/Cape_Verde",
    "COM": "Indian/Comoro",
    "MDG": "Indian/Antananarivo",
    "MUS": "Indian/Mauritius",
    "MYT": "Indian/Mayotte",
    "REU": "Indian/Reunion",
    "SYC": "Indian/Mahe",
    "SHN": "Atlantic/St_Helena",
}


def zones_of(latitude, longitude):
    """Return the names of places' time zones.

    >>> zones_of([6.45], [3.39])
    ['Africa/Lagos']
    """
    cities = _cities()
    near, km = nearest(pd.DataFrame({"latitude": latitude, "longitude": longitude}, dtype="float64"), cities)
    countries = cities["country"].iloc[near]
    return [
        ZONES[country] if far <= FAR_KM and country in ZONES else _nautical(east)
        for country, far, east in zip(countries, km, longitude, strict=True)
    ]


def _nautical(longitude):
    east = int(np.floor(longitude / 15 + 0.5))
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


def offset_of(zone, now):
    """Return the seconds of a zone east of Greenwich at a moment (naive, UTC), and its abbreviation.

    Raise KeyError if there is no such zone.

    >>> import datetime
    >>> offset_of("Africa/Lagos", datetime.datetime(2024, 1, 1))
    (3600, 'GMT+1')
    """
    if zone in ("GMT", "UTC"):
        return 0, "GMT"
    try:
        own = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise KeyError(zone) from None
    seconds = int(now.replace(tzinfo=zoneinfo.ZoneInfo("UTC")).astimezone(own).utcoffset().total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "+" if seconds > 0 else "-"
    text = f"GMT{sign}{hours}" + (f":{minutes:02d}" if minutes else "")
    return seconds, text if seconds else "GMT"


@functools.cache
def country_names():
    """Return {alpha-3 code: (number, alpha-2 code, name)} of all countries."""
    with importlib.resources.files("airq._data").joinpath("countries.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False).drop_duplicates("alpha3")
    rows = zip(table["alpha3"], table["alpha2"], table["name"], strict=True)
    return {alpha3: (number, alpha2, name) for number, (alpha3, alpha2, name) in enumerate(rows, 1)}


@functools.cache
def _cities():
    return bundled_cities()
