"""Alarms for a rare event: the names of :mod:`imbalance.decisions` under their former address."""

from imbalance.decisions import (
    alarm_rates,
    count_alarms,
    exceedance,
    group_draws,
    interval,
    threshold_at,
)

__all__ = [
    "alarm_rates",
    "count_alarms",
    "exceedance",
    "group_draws",
    "interval",
    "threshold_at",
]
