"""High-pollution days as a rare class: what catches them in places without a sensor, and at what price.

A day is hazardous where PM2.5 lies above a threshold [µg m⁻³]. Whole cities or sites are held out, and
cut-offs are chosen on inner held-out places of the training rows: the share of false alarms that was asked
for and the one that new places get are two figures, both shown.
"""

from imbalance.hazard.comparison import HazardComparison, compare_hazard
from imbalance.hazard.report import write_hazard

__all__ = ["HazardComparison", "compare_hazard", "write_hazard"]
