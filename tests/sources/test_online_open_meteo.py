"""Open-Meteo's answers by hand: what is asked, how it counts, how hours become days, what is not believed."""

import copy

import numpy as np
import numpy.testing as npt
import pytest

from airq.sources.folder import LayerRequest
from airq.sources.online.errors import Passing
from airq.sources.online.open_meteo import (
    AIR,
    ARCHIVE,
    FORECAST,
    LAYERS,
    MOST_CALLS,
    HourlyRequest,
    OpenMeteoExtraction,
    calls_of,
    hourly_requests,
    read_answer,
)

TODAY = np.datetime64("2024-06-30")
CAMS, ERA5, NOW = LAYERS["default"]["cams"], LAYERS["default"]["weather"], LAYERS["live"]["weather"]
KAMPALA, DAKAR = (32.58, 0.32), (-17.44, 14.69)


def days(first, last):
    return np.arange(np.datetime64(first), np.datetime64(last) + 1)


def missing(layer, periods, n_cities=1):
    return [LayerRequest(layer, np.arange(n_cities), periods, 0)]


@pytest.mark.parametrize(
    ("variables", "n_days", "places", "calls"),
    [(8, 7, 1, 1), (10, 14, 1, 1), (10, 28, 1, 2), (20, 7, 1, 2), (8, 35, 3, 6), (5, 1, 40, 40)],
)
def test_how_requests_count(variables, n_days, places, calls):
    "Ten variables and two weeks of a place are one call; more count in proportion, less does not."
    assert calls_of(variables, n_days, places) == pytest.approx(calls)


def test_requests_are_small_beside_an_allowance():
    "A year of 300 cities is cut into pieces of at most a hundred calls that hold every city once."
    requests = hourly_requests(missing(ERA5, days("2023-01-01", "2023-12-31"), 300), today=TODAY)
    assert max(own.calls for own in requests) <= MOST_CALLS
    assert sorted(np.concatenate([own.rows for own in requests])) == list(range(300))
    assert {(str(own.periods[0]), str(own.periods[-1])) for own in requests} == {("2023-01-01", "2023-12-31")}


def test_days_in_a_row_are_asked_for_together():
    "A gap parts them, and so does a year."
    periods = np.concatenate([days("2021-01-01", "2021-01-03"), days("2021-01-07", "2022-01-10")])
    spans = [own.span for own in hourly_requests(missing(ERA5, periods), today=TODAY)]
    assert [(str(first), str(last)) for first, last in spans] == [
        ("2021-01-01", "2021-01-03"),
        ("2021-01-07", "2021-07-10"),
        ("2021-07-11", "2022-01-10"),
    ]


def test_the_archive_then_forecasts():
    "Live weather: ERA5 of days that are settled, seven days ago, forecasts of those since and ahead."
    requests = hourly_requests(missing(NOW, days("2024-06-20", "2024-07-09")), today=TODAY)
    spans = [(own.endpoint, *map(str, own.span)) for own in requests]
    assert spans == [(ARCHIVE, "2024-06-20", "2024-06-23"), (FORECAST, "2024-06-24", "2024-07-04")]


def test_days_without_values_are_not_asked_for():
    "ERA5 ends five days ago, CAMS four days ahead."
    (weather,) = hourly_requests(missing(ERA5, days("2024-06-20", "2024-07-09")), today=TODAY)
    (air,) = hourly_requests(missing(CAMS, days("2024-06-20", "2024-07-09")), today=TODAY)
    assert str(weather.span[1]) == "2024-06-25" and str(air.span[1]) == "2024-07-04"
    assert len(CAMS.periods("2022-07-30", "2022-08-02")) == 2  # from the first of August on


def answer_of(request, places, **changed):
    "An answer in the service's form: temperatures are the hour of the day, other values 1."
    first, last = request.span
    hours = np.arange(first.astype("datetime64[h]"), (last + 1).astype("datetime64[h]"))
    own = dict.fromkeys(request.layer.variables, 1.0) | changed
    units = {"temperature_2m": "°C", "dew_point_2m": "°C", "relative_humidity_2m": "%", "precipitation": "mm"}
    units |= {"surface_pressure": "hPa", "boundary_layer_height": "m", "wind_speed_10m": "m/s"}
    units |= {"wind_direction_10m": "°", "aerosol_optical_depth": ""}
    hourly = {name: [value] * len(hours) for name, value in own.items() if not callable(value)}
    hourly |= {
        name: [value(hour) for hour in range(len(hours))] for name, value in own.items() if callable(value)
    }
    return [
        {
            "latitude": latitude,
            "longitude": longitude,
            "elevation": 1150.0,
            "utc_offset_seconds": 0,
            "hourly_units": {"time": "iso8601", **{name: units.get(name, "μg/m³") for name in own}},
            "hourly": {"time": [f"{hour}:00" for hour in hours.astype(str)], **hourly},
        }
        for longitude, latitude in places
    ]


def request_of(layer=ERA5, first="2024-01-01", last="2024-01-02", n_cities=1, offset=0):
    endpoint = ARCHIVE if layer is ERA5 else AIR
    return HourlyRequest(endpoint, layer, np.arange(n_cities), days(first, last), offset)


def column(values, name, layer=ERA5):
    return values[:, :, layer.columns.index(name)]


def test_hours_become_days():
    "Means of what is a state, the sum of rain: 0 to 23 average 11.5, 24 hours of 1 mm are 24 mm."
    request = request_of()
    answer = answer_of(request, [KAMPALA], temperature_2m=lambda hour: float(hour % 24))
    values, cells, short = read_answer(answer, request, np.array([KAMPALA]))
    npt.assert_array_equal(column(values, "temp_air"), [[11.5, 11.5]])
    npt.assert_array_equal(column(values, "precipitation"), [[24.0, 24.0]])
    npt.assert_array_equal(column(values, "elevation"), [[1150.0, 1150.0]])
    assert cells == [[0.32, 32.58, 1150.0]] and short == 0


def test_wind_is_averaged_as_a_vector():
    "Half a day from the north and half from the south, at equal speed, is no wind."
    request = request_of(last="2024-01-01")
    answer = answer_of(request, [KAMPALA], wind_direction_10m=lambda hour: 180.0 * (hour % 2))
    values, _, _ = read_answer(answer, request, np.array([KAMPALA]))
    npt.assert_allclose(column(values, "wind_v"), [[0.0]], atol=1e-12)
    answer = answer_of(request, [KAMPALA], wind_direction_10m=90.0, wind_speed_10m=3.0)
    values, _, _ = read_answer(answer, request, np.array([KAMPALA]))
    npt.assert_allclose(column(values, "wind_u"), [[-3.0]])  # from the east, towards the west


def test_a_local_day_takes_hours_of_two_days():
    "Two hours east of Greenwich 2 January holds 22:00 of the first to 21:00 of the second."
    request = request_of(first="2024-01-02", last="2024-01-02", offset=2)
    assert list(map(str, request.span)) == ["2024-01-01", "2024-01-02"]
    answer = answer_of(request, [KAMPALA], temperature_2m=lambda hour: float(22 <= hour < 46))
    values, _, _ = read_answer(answer, request, np.array([KAMPALA]))
    npt.assert_array_equal(column(values, "temp_air"), [[1.0]])


def test_fewer_than_eighteen_hours_make_no_day():
    "Seven nulls of 24 leave the day empty and are counted; six do not."
    request = request_of(last="2024-01-01")
    for nulls, empty in ((7, True), (6, False)):
        answer = answer_of(request, [KAMPALA], temperature_2m=lambda hour, n=nulls: None if hour < n else 1.0)
        values, _, short = read_answer(answer, request, np.array([KAMPALA]))
        assert bool(np.isnan(column(values, "temp_air"))[0, 0]) is empty and short == int(empty)


@pytest.mark.parametrize(("name", "unit"), [("temperature_2m", "°F"), ("wind_speed_10m", "km/h")])
def test_a_unit_that_was_not_asked_for_is_not_believed(name, unit):
    "Not even one that could be converted: the service answers in the units that it is asked for."
    request = request_of(last="2024-01-01")
    answer = answer_of(request, [KAMPALA])
    answer[0]["hourly_units"][name] = unit
    with pytest.raises(Passing, match=f"{name} in '{unit}', which was not asked for"):
        read_answer(answer, request, np.array([KAMPALA]))


def test_what_a_model_lacks_is_empty():
    "The service says `undefined` and sends nulls."
    request = request_of(CAMS, last="2024-01-01")
    answer = answer_of(request, [KAMPALA], dust=None)
    answer[0]["hourly_units"]["dust"] = "undefined"
    values, _, _ = read_answer(answer, request, np.array([KAMPALA]))
    assert np.isnan(column(values, "dust", CAMS)).all()
    npt.assert_array_equal(column(values, "cams_pm25", CAMS), [[1.0]])


def spoil(answer, how):
    "An answer with one fault."
    answer = copy.deepcopy(answer)
    first = answer[0]
    if how == "a place too few":
        return answer[:1]
    if how == "swapped":
        return answer[::-1]
    if how == "another order":
        answer[0]["location_id"], answer[1]["location_id"] = 1, 0
    elif how == "elsewhere":
        for own in answer:
            own["latitude"] += 5
    elif how == "no cell":
        del first["latitude"]
    elif how == "unit":
        first["hourly_units"]["temperature_2m"] = "hPa"
    elif how == "no unit":
        del first["hourly_units"]["temperature_2m"]
    elif how == "an hour too few":
        first["hourly"]["time"].pop()
    elif how == "a value too few":
        first["hourly"]["temperature_2m"].pop()
    elif how == "words":
        first["hourly"]["temperature_2m"][3] = "warm"
    elif how == "a variable too few":
        del first["hourly"]["temperature_2m"]
    elif how == "other hours":
        first["hourly"]["time"] = [time.replace("2024", "2023") for time in first["hourly"]["time"]]
    elif how == "local time":
        first["utc_offset_seconds"] = 10_800
    elif how == "no hours":
        del first["hourly"]
    elif how == "a text":
        return ["sorry"] * len(answer)
    return answer


@pytest.mark.parametrize(
    "how",
    [
        *("a place too few", "swapped", "another order", "elsewhere", "no cell", "unit", "no unit"),
        *("an hour too few", "a value too few", "words", "a variable too few", "other hours"),
        *("local time", "no hours", "a text"),
    ],
)
def test_an_answer_with_a_fault_is_asked_for_again(how):
    "Nothing of it is taken."
    request, places = request_of(n_cities=2), np.array([KAMPALA, DAKAR])
    sound = answer_of(request, places)
    read_answer(sound, request, places)
    with pytest.raises(Passing):
        read_answer(spoil(sound, how), request, places)


def test_settings_that_decide_values_part_folders():
    "Another recipe, kind of day or fewest hours has another fingerprint; the same has the same."
    plain = OpenMeteoExtraction()
    assert plain.fingerprint == OpenMeteoExtraction().fingerprint
    for other in ({"recipe": "live"}, {"day_basis": "local"}, {"min_hours": 20}, {"products": ("cams",)}):
        assert OpenMeteoExtraction(**other).fingerprint != plain.fingerprint
    assert OpenMeteoExtraction(day_basis="local").differences(plain.to_dict()) == ["day_basis"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"recipe": "past"}, "default, live"),
        ({"day_basis": "moon"}, "utc, local"),
        ({"products": ("clouds",)}, "weather and cams"),
        ({"products": ()}, "none"),
        ({"min_hours": 25}, "1 to 24"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    "With the choices there are."
    with pytest.raises(ValueError, match=words):
        OpenMeteoExtraction(**settings)


def test_who_answers_is_named():
    "The service with its licence; anything else is a stand-in."
    assert OpenMeteoExtraction().source == "Open-Meteo (CC BY 4.0), recipe default: ERA5, CAMS, Copernicus"
    assert OpenMeteoExtraction(service="a server on this machine").source.startswith("SIMULATED, or another")
