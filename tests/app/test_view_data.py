"""The page Data, drawn without a browser."""

import numpy as np
import pandas as pd
import pytest

from airq.io import read_panel, write_panel

pytest.importorskip("streamlit")

PM25 = {"kla": [10.0, 60.0, 20.0], "nbo": [30.0, 31.0, 8.0]}
HEAD = "city,country,latitude,longitude\n"


def said(app):
    "All text of a page."
    parts = (*app.markdown, *app.caption, *app.warning, *app.error, *app.info)
    return "\n".join(str(part.value) for part in parts)


def upload(app, text):
    "Upload a list of cities."
    app.file_uploader[0].upload("cities.csv", text.encode(), "text/csv")
    return app.run()


def buttons(app):
    "Labels of the downloads."
    return [button.label for button in app.get("download_button")]


def test_the_button_tells_how_many_rows(draw, make_rows):
    "Two cities and three days are six rows; of one city three."
    app = draw("data", make_rows(PM25))
    assert not app.exception
    assert not app.error
    assert "Download 6 rows" in buttons(app)
    app.multiselect(key="data_cities").select(0).run()
    assert "Download 3 rows" in buttons(app)


def test_a_country_and_a_period_are_chosen(draw, make_rows):
    "Kenya has one city; one day of it is one row."
    app = draw("data", make_rows(PM25), query={"from": "2020-01-02", "to": "2020-01-02"})
    app.multiselect(key="data_countries").select("KEN").run()
    assert "Download 1 row" in buttons(app)


def test_another_country_drops_a_city_that_is_not_in_it(draw, make_rows):
    "Kampala was chosen, then Kenya: words or Kenya's rows, no traceback."
    app = draw("data", make_rows(PM25))
    app.multiselect(key="data_cities").select(0).run()
    app.multiselect(key="data_countries").select("KEN").run()
    assert not app.exception


def test_no_column_gives_words(draw, make_rows):
    "An empty choice of columns is not downloaded."
    app = draw("data", make_rows(PM25))
    app.multiselect(key="data_columns").set_value([]).run()
    assert "at least one column" in said(app)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", HEAD, HEAD + "A,Atlantis,1,2\n", HEAD + "A,Uganda,x,2\n"])
def test_a_wrong_list_gives_words(draw, make_rows, text):
    "One error, no traceback."
    app = upload(draw("data", make_rows(PM25)), text)
    assert not app.exception
    assert len(app.error) == 1


def test_without_a_panel_the_open_predictions_answer(draw, make_rows):
    "Kampala is among them; a city elsewhere is told what to run."
    app = upload(
        draw("data", make_rows(PM25)), HEAD + "Kampala,Uganda,0.32,32.58\nDakar,Senegal,14.7,-17.4\n"
    )
    assert "1 of 2 cities" in said(app)
    assert "Download their 3 predictions" in buttons(app)
    assert any("airq extract" in code.value for code in app.code)


def test_cities_of_the_panel_are_predicted(draw, make_rows, trained):
    "Two of its cities, by position: the mean that is shown is that of the bundle's predictions."
    predicted = pd.read_parquet(trained / "predictions.parquet")
    places = predicted.drop_duplicates("site_id").iloc[:2]
    rows = "".join(
        f"Mine {n},{p.country},{p.latitude},{p.longitude}\n" for n, p in enumerate(places.itertuples())
    )
    arguments = ["--panel", trained / "panel.parquet", "--bundle", trained / "bundle"]
    app = upload(draw("data", make_rows(PM25), arguments=arguments), HEAD + rows)
    assert "2 of 2 cities stand in the panel: 2 by position" in said(app)
    app.button(key="data_predict").click().run()
    assert not app.exception
    assert not app.error
    expected = predicted.groupby("site_id")["pm25"].mean()[places["site_id"]]
    table = app.dataframe[-1].value
    np.testing.assert_allclose(np.sort(table["pm25"]), np.sort(expected), rtol=1e-5)
    assert "SIMULATED" in said(app)
    assert "trained the model" in said(app)


@pytest.mark.slow
def test_a_panel_that_does_not_fit_the_bundle_gives_words(draw, make_rows, trained, tmp_path):
    "A column of the bundle is missing: an error that names it."
    panel = read_panel(trained / "panel.parquet")
    write_panel(panel.drop(columns="no2"), tmp_path / "other.parquet")
    place = panel.iloc[0]
    arguments = ["--panel", tmp_path / "other.parquet", "--bundle", trained / "bundle"]
    text = f"{HEAD}Mine,{place['country']},{place['latitude']},{place['longitude']}\n"
    app = upload(draw("data", make_rows(PM25), arguments=arguments), text)
    app.button(key="data_predict").click().run()
    assert not app.exception
    assert "no2" in app.error[0].value


def test_hostile_names_and_sources_are_shown_not_followed(draw, make_rows, write_predictions):
    "In the choice of cities, in the sources, in the list that is uploaded."
    name = "![x](http://example.org/x.png)<script>=1"
    facts = {"trained_on": name, "sources": [name], "intervals": name, "bundle_hash": name, "period": "day"}
    app = draw("data", path=write_predictions(make_rows(PM25).assign(city=name), facts=facts))
    app = upload(app, f'{HEAD}"{name}",Uganda,0.32,32.58\n')
    assert not app.exception
    assert not app.error
    assert "![x](" not in said(app)
    assert "<script>" not in said(app)


def test_a_city_that_was_found_is_named(draw, make_rows):
    "By name and country, with its distance: 0.045° of latitude are 5 km."
    app = upload(
        draw("data", make_rows(PM25)), HEAD + "Nairobi West,Kenya,-1.245,36.82\nDakar,Senegal,14.7,-17.4\n"
    )
    table = next(frame.value for frame in app.dataframe if "Place" in frame.value)
    assert table["Place"].tolist() == ["", "Nairobi, Kenya"]
    assert table["Identifier"].tolist() == ["", "nbo"]
    assert table["Away"].iloc[1] == pytest.approx(5.0, abs=0.05)


def test_a_site_of_a_panel_is_named(draw, make_rows, trained):
    "By its city and country, not by its identifier alone."
    sites = read_panel(trained / "panel.parquet").drop_duplicates("site_id")
    first = sites.iloc[0]
    arguments = ["--panel", trained / "panel.parquet", "--bundle", trained / "bundle"]
    app = draw("data", make_rows(PM25), arguments=arguments)
    app = upload(app, f"{HEAD}Mine,{first['country']},{first['latitude']},{first['longitude']}\n")
    table = next(frame.value for frame in app.dataframe if "Place" in frame.value)
    assert table["Place"].iloc[0].startswith(f"{first['city']}, ")
