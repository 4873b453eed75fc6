"""What must be known of a panel's PM2.5 before its figures are read."""

from __future__ import annotations

ORIGIN_WARNINGS = {
    "simulated": "SIMULATED: these figures describe a simulated atmosphere, not the air of any city.",
    "model": "MODEL FIELD: PM2.5 here is a model's output, so predicting it is emulation, not measurement.",
    "index": "INDEX: PM2.5 here was inverted from a published air-quality index, not measured as such.",
}
INPUTS_WARNING = (
    "SIMULATED inputs: these figures rest on invented satellite and weather values and say nothing about "
    "the air of a city."
)
MEDIAN_WARNING = "MEDIANS: daily medians; WHO and AQI levels are made for 24-hour means."


def origin_warnings(metadata):
    """What the origin of a panel calls for, a sentence each; nothing for the daily means of monitors.

    Parameters
    ----------
    metadata : PanelMetadata
        Facts about the panel.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from airq.panel import PanelMetadata
    >>> texts = origin_warnings(PanelMetadata(pm25_origin="index", statistic="median"))
    >>> [text.split(":")[0] for text in texts]
    ['INDEX', 'MEDIANS']
    """
    simulated = any("SIMULATED" in source for source in metadata.sources)
    warnings = [
        ORIGIN_WARNINGS.get(metadata.pm25_origin),
        INPUTS_WARNING * (simulated and metadata.pm25_origin != "simulated"),
        MEDIAN_WARNING * (metadata.statistic == "median"),
    ]
    return [warning for warning in warnings if warning]


def origin_warning(metadata):
    """The same as one text, empty where nothing must be known."""
    return " ".join(origin_warnings(metadata))


def origin_label(metadata):
    """The same in a word or two, for tables and pictures.

    >>> from airq.panel import PanelMetadata
    >>> origin_label(PanelMetadata(pm25_origin="simulated")), origin_label(PanelMetadata())
    ('SIMULATED', 'monitors')
    """
    return ", ".join(text.split(":")[0] for text in origin_warnings(metadata)) or "monitors"
