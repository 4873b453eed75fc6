"""What to do on a day of each class of the US AQI, in our own words.

Paraphrased from US EPA, "Air Quality Guide for Particle Pollution" (EPA-456/F-15-005) and "Technical
Assistance Document for the Reporting of Daily Air Quality" (EPA-454/B-24-002, 2024); what a guideline is
from WHO, "WHO global air quality guidelines", 2021. General advice, no medical one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airq.units import AQI_CLASSES, PM25_UNIT, aqi_class
from app.scales import scale

SOURCE = (
    "Our words after the US EPA's Air Quality Guide for Particle Pollution. Concentrations are advised on "
    "by the classes of the US AQI of 2024, whichever scale is chosen; "
    "the WHO holds that no level is free of harm (WHO global air quality guidelines, 2021). "
    "General advice: whoever is ill asks a doctor."
)
#: Index by whose classes concentrations are advised on.
TABLE = "aqi-us-2024"
SENSITIVE = "children, older people, pregnant women and people with a heart or lung disease"


@dataclass(frozen=True)
class Advice:
    """Advice for a day.

    Attributes
    ----------
    label : str
        Class of the AQI.
    short : str
        One sentence.
    everyone, sensitive : str
        What everyone can do, and what people at risk can do.
    """

    label: str
    short: str
    everyone: str
    sensitive: str


ADVICE = tuple(
    Advice(label, *words)
    for label, words in zip(
        AQI_CLASSES,
        (
            (
                "A good day to be outside.",
                "A good day to be outside.",
                "No need to change plans.",
            ),
            (
                "Fine for most people; the very sensitive may notice it.",
                "No need to change plans.",
                "Whoever is unusually sensitive takes hard effort outdoors a little easier.",
            ),
            (
                "People at risk should take it easier outdoors.",
                "Being outside is fine.",
                f"For {SENSITIVE}: shorter and lighter effort outdoors, more breaks, medicine at hand.",
            ),
            (
                "Everyone should shorten hard effort outdoors.",
                "Shorten long or hard effort outdoors and take breaks.",
                f"For {SENSITIVE}: move effort indoors or to a cleaner day.",
            ),
            (
                "Avoid long effort outdoors.",
                "Avoid long or hard effort outdoors; move it indoors or to another day.",
                f"For {SENSITIVE}: no effort outdoors; stay where the air is cleaner.",
            ),
            (
                "Stay indoors if you can.",
                "Avoid all effort outdoors; keep windows shut while it is worse outside.",
                f"For {SENSITIVE}: stay inside, move little, keep the indoor air clean: no smoke, no frying.",
            ),
        ),
        strict=True,
    )
)


def advice_for(value, unit=PM25_UNIT):
    """Return the advice for the value of a day; a mean over more days has none.

    Parameters
    ----------
    value : float
        Daily PM2.5 [µg m⁻³] or points of an index; not missing.
    unit : str
        Its unit. Concentrations are classed by the index of 2024.

    Returns
    -------
    Advice

    Examples
    --------
    >>> advice_for(8.0).label, advice_for(151, "aqi-us-2012").label
    ('Good', 'Unhealthy')
    """
    if unit == PM25_UNIT:
        return ADVICE[int(aqi_class(value, TABLE))]
    return ADVICE[int(np.ravel(scale("", unit=unit).index([value]))[0])]
