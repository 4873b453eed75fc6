"""Former place of a name."""

from imbalance.label_shift import LabelShiftAdapter  # noqa: F401
