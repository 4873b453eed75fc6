"""The panel: one row per site and day, and the words for its columns.

Every table in the package is a pandas DataFrame of this form. Its units, its kind of day and
the origin of its target travel with it in ``DataFrame.attrs`` and in the metadata of the Parquet
file, see :class:`PanelMetadata`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.files import whole_file
from airq.units import PM25_UNIT

KEYS = ["site_id", "date"]
PLACE = ["site_id", "city_id", "city", "country", "latitude", "longitude"]
IDENTITY = ["site_id", "city_id", "city", "country", "latitude", "longitude", "date"]
TARGET = "pm25"
#: Columns that must never become a feature: keys, places' names, and what is to be predicted.
NOT_FEATURES = [*IDENTITY, TARGET, "aqi"]

DAY_BASES = ("utc", "local")
ORIGINS = ("sensor", "index", "model", "simulated")
STATISTICS = ("mean", "median")

#: Full-scale readings that monitors repeat instead of measuring. [µg m⁻³]
SENSOR_CEILINGS = (985.0, 995.0, 999.0, 999.9, 999.99, 1000.0)

#: Days before it are taken for mistakes.
FIRST_DATE = pd.Timestamp("1970-01-01")


@dataclass(frozen=True)
class Column:
    """What a column of the panel holds.

    Attributes
    ----------
    dtype : str
        NumPy dtype, or ``"str"``.
    unit : str
        Unit as :func:`airq.units.unit_name` writes it; empty for text.
    low, high : float
        Plausible range, ends included. [unit]
    meaning : str
        What it is, in a few words.
    """

    dtype: str
    unit: str
    low: float = -np.inf
    high: float = np.inf
    meaning: str = ""


COLUMNS = {
    "site_id": Column("str", "", meaning="name of the place, unique"),
    "city_id": Column("str", "", meaning="name of the city that the site belongs to, unique"),
    "city": Column("str", "", meaning="city as people write it"),
    "country": Column("str", "", meaning="ISO 3166-1 alpha-3 code"),
    "latitude": Column("float64", "°", -90, 90, "north positive, WGS 84"),
    "longitude": Column("float64", "°", -180, 180, "east positive, WGS 84"),
    "date": Column("datetime64[us]", "", meaning="calendar day, midnight, without a time zone"),
    "pm25": Column("float32", PM25_UNIT, 0, 1500, "daily PM2.5"),
    "aqi": Column("float32", "aqi-us-2012", 0, 1500, "US air-quality index of daily PM2.5"),
    "no2": Column("float32", "mol m⁻²", -0.001, 0.02, "tropospheric NO2 column"),
    "co": Column("float32", "mol m⁻²", -0.1, 1.5, "CO column"),
    "hcho": Column("float32", "mol m⁻²", -0.01, 0.02, "tropospheric HCHO column"),
    "so2": Column("float32", "mol m⁻²", -0.1, 0.5, "SO2 column"),
    "o3": Column("float32", "mol m⁻²", 0, 0.5, "O3 column"),
    "aer_ai": Column("float32", "1", -25, 40, "UV aerosol index"),
    "cloud_fraction": Column("float32", "1", 0, 1, "cloud fraction"),
    "aod047": Column("float32", "1", -0.1, 8, "aerosol optical depth at 0.47 µm"),
    "aod055": Column("float32", "1", -0.1, 8, "aerosol optical depth at 0.55 µm"),
    "cams_pm25": Column("float32", PM25_UNIT, 0, 10000, "PM2.5 of the CAMS model"),
    "temp_air": Column("float32", "°C", -90, 65, "air temperature at 2 m, daily mean"),
    "temp_dew": Column("float32", "°C", -95, 45, "dew point at 2 m, daily mean"),
    "relative_humidity": Column("float32", "%", 0, 105, "relative humidity at 2 m, daily mean"),
    "wind_u": Column("float32", "m s⁻¹", -120, 120, "wind towards the east at 10 m"),
    "wind_v": Column("float32", "m s⁻¹", -120, 120, "wind towards the north at 10 m"),
    "precipitation": Column("float32", "mm", 0, 2000, "precipitation, daily sum"),
    "pressure": Column("float32", "hPa", 400, 1100, "surface pressure"),
    "boundary_layer_height": Column("float32", "m", 0, 10000, "boundary-layer height, daily mean"),
    "fire_power_50km": Column("float32", "MW", 0, 1e7, "fire radiative power within 50 km"),
    "fire_power_150km": Column("float32", "MW", 0, 1e7, "fire radiative power between 50 and 150 km"),
    "fire_power_300km": Column("float32", "MW", 0, 1e7, "fire radiative power between 150 and 300 km"),
    "night_lights": Column("float32", "nW cm⁻² sr⁻¹", 0, 1e5, "night lights"),
    "population": Column("float64", "people", 0, 5e7, "people of the city"),
    "elevation": Column("float32", "m", -450, 9000, "height above sea level"),
}


@dataclass(frozen=True)
class PanelMetadata:
    """Facts about a panel that its rows cannot tell.

    Attributes
    ----------
    units : dict of str to str
        Unit of every numeric column.
    day_basis : {"utc", "local"}
        Whose midnight ends a day.
    pm25_origin : {"sensor", "index", "model", "simulated"}
        Where PM2.5 comes from: monitors, an inverted index, a model's field, a simulation.
    statistic : {"mean", "median"}
        What summarises the hours of a day.
    sources : tuple of str
        Where the rows come from, one phrase each.
    """

    units: dict = dataclasses.field(default_factory=dict)
    day_basis: str = "utc"
    pm25_origin: str = "sensor"
    statistic: str = "mean"
    sources: tuple = ()

    def __post_init__(self):
        _one_of("day_basis", self.day_basis, DAY_BASES)
        _one_of("pm25_origin", self.pm25_origin, ORIGINS)
        _one_of("statistic", self.statistic, STATISTICS)
        object.__setattr__(self, "units", dict(self.units))
        object.__setattr__(self, "sources", tuple(self.sources))

    def to_dict(self):
        """The same facts as plain lists, dicts and strings."""
        return {**dataclasses.asdict(self), "sources": list(self.sources)}

    @classmethod
    def from_dict(cls, facts):
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If the facts are not of this form.
        """
        if not isinstance(facts, dict) or not isinstance(facts.get("units", {}), dict):
            raise ValueError("The panel's metadata are damaged: `units` must map columns to units.")
        if not isinstance(facts.get("sources", []), (list, tuple)):
            raise ValueError("The panel's metadata are damaged: `sources` must be a list.")
        return cls(**{key: facts[key] for key in (f.name for f in dataclasses.fields(cls)) if key in facts})


def label_panel(panel, metadata):
    """The panel with its metadata attached; columns of the vocabulary get their unit.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    metadata : PanelMetadata
        Its facts. Units of columns that the vocabulary lacks must stand in ``metadata.units`` to be
        known; others are marked ``"unknown"``.

    Returns
    -------
    DataFrame
        A shallow copy.
    """
    units = {}
    for name in panel.columns:
        if pd.api.types.is_numeric_dtype(panel[name]):
            known = COLUMNS[name].unit if name in COLUMNS else "unknown"
            units[name] = metadata.units.get(name, known)
    panel = panel.copy(deep=False)
    panel.attrs["airq"] = dataclasses.replace(metadata, units=units).to_dict()
    return panel


def panel_metadata(panel):
    """The metadata of a panel.

    Raises
    ------
    ValueError
        If it carries none.
    """
    if "airq" not in panel.attrs:
        raise ValueError("This table carries no panel metadata; make it with `airq ingest` or label_panel().")
    return PanelMetadata.from_dict(panel.attrs["airq"])


def feature_columns(panel):
    """Names of the numeric columns that a model may learn from, in the panel's order."""
    return [
        name
        for name in panel.columns
        if name not in NOT_FEATURES and pd.api.types.is_numeric_dtype(panel[name])
    ]


def sort_panel(panel):
    """The panel in its order, by site and day, with a plain index.

    The canonical columns come first; all columns of the vocabulary take its dtype.
    """
    first = [name for name in [*IDENTITY, TARGET, "aqi"] if name in panel.columns]
    panel = panel[first + [name for name in panel.columns if name not in first]]
    dtypes = {name: COLUMNS[name].dtype for name in panel.columns if name in COLUMNS}
    return panel.astype(dtypes).sort_values(KEYS, kind="stable", ignore_index=True)


def read_panel(path):
    """Read a panel from Parquet, with its metadata.

    Parameters
    ----------
    path : str or Path
        File that :func:`write_panel` made.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not Parquet, is cut off, or is not a panel.
    """
    with open_panel_file(path) as (file, metadata):
        table = file.read()
    panel = table.replace_schema_metadata({k: v for k, v in table.schema.metadata.items() if k == b"pandas"})
    panel = panel.to_pandas()
    panel.attrs = {"airq": metadata.to_dict()}
    return panel


@contextlib.contextmanager
def open_panel_file(path):
    """Open the Parquet file of a panel, to be read in parts; its rows stay on disk.

    Parameters
    ----------
    path : str or Path
        File that :func:`write_panel` made.

    Yields
    ------
    file : pyarrow.parquet.ParquetFile
        The open file.
    metadata : PanelMetadata
        What it tells of itself.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not Parquet, is cut off, or is not a panel.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the Parquet file in it.")
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"No such file: {path}.") from None
    except pa.ArrowException as error:
        raise ValueError(
            f"{path} is not a whole Parquet file ({_first_line(error)}).{_table_hint(path)}"
        ) from None
    with file:
        yield file, _told_by(file, path)


def _told_by(file, path):
    told = (file.schema_arrow.metadata or {}).get(b"airq")
    if told is None:
        raise ValueError(f"{path} is Parquet, but not a panel: it has no airq metadata.{_table_hint(path)}")
    try:
        facts = json.loads(told)
    except ValueError:
        raise ValueError(f"The airq metadata of {path} are damaged; make the panel again.") from None
    # Predictions and scores carry metadata, too.
    if isinstance(facts, dict) and "pm25_origin" not in facts:
        raise ValueError(f"{path} is another table of airq, not a panel: it does not tell `pm25_origin`.")
    return PanelMetadata.from_dict(facts)


def write_panel(panel, path):
    """Write a panel to Parquet, whole or not at all.

    Parameters
    ----------
    panel : DataFrame
        Table with panel metadata.
    path : str or Path
        File to write.
    """
    check_parquet_name(path)
    write_table(panel, path, metadata={"airq": panel_metadata(panel).to_dict()})


def check_parquet_name(path):
    """Refuse a name that promises another kind of file than Parquet."""
    if Path(path).suffix not in (".parquet", ".pq"):
        raise ValueError(f"{path} would hold Parquet; give it a name that ends in .parquet.")


def write_table(frame, path, *, metadata):
    """Write a DataFrame to Parquet with JSON metadata by key, whole or not at all."""
    with whole_file(path) as unfinished:
        pq.write_table(_arrow_table(frame, metadata), unfinished)


@contextlib.contextmanager
def panel_writer(path, metadata):
    """Write a panel part by part, whole or not at all, so that it need not fit into memory.

    Parameters
    ----------
    path : str or Path
        Parquet file to write.
    metadata : PanelMetadata
        Facts of the panel.

    Yields
    ------
    callable
        ``write(part)`` takes the next rows, in the panel's order, each part with the same columns.

    Raises
    ------
    ValueError
        If no part was written.
    """
    check_parquet_name(path)
    with whole_file(path) as unfinished, contextlib.ExitStack() as stack:
        writer = None

        def write(part):
            nonlocal writer
            facts = panel_metadata(label_panel(part, metadata)).to_dict()
            table = _arrow_table(part, {"airq": facts})
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(unfinished, table.schema))
            writer.write_table(table)

        yield write
        if writer is None:
            raise ValueError(f"{path} would be a panel without rows.")


def _arrow_table(frame, metadata):
    frame = frame.copy(deep=False)
    frame.attrs = {}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    facts = {key.encode(): json.dumps(value, ensure_ascii=False).encode() for key, value in metadata.items()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **facts})


def at_ceiling(pm25):
    """Where PM2.5 repeats a monitor's full-scale reading.

    Parameters
    ----------
    pm25 : Series or array-like of shape (n_samples,)
        PM2.5. [µg m⁻³]

    Returns
    -------
    numpy.ndarray of bool

    Examples
    --------
    >>> at_ceiling([998.0, 999.99, 985.0]).tolist()
    [False, True, True]
    """
    values = np.asarray(pm25, dtype="float64")
    return np.isclose(values[:, None], np.array(SENSOR_CEILINGS), rtol=0, atol=2e-3).any(axis=1)


def near_name(name, names):
    """A hint at the most similar name, or an empty string.

    >>> near_name("latitud", ["latitude", "city"])
    ' Did you mean latitude?'
    """
    near = difflib.get_close_matches(name, [str(other) for other in names], n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _one_of(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")


def _table_hint(path):
    return f" For a table of your own: airq ingest {path} --format table --mapping M.toml --out panel.parquet"


def _first_line(error):
    return str(error).splitlines()[0].split(". ")[0][:120]
