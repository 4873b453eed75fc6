"""Ten questions that people come with: each takes at most two clicks and no scrolling at 1280 x 900."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]
#: Question -> what is clicked on the first page, and a part of the answer.
QUESTIONS = {
    "is the air bad on the newest day": ([], "times the WHO daily guideline of 15"),
    "how bad is this year": (["Period mean", "2020"], "times the WHO annual guideline of 5"),
    "is it getting worse": (["City"], "Better or worse?"),
    "which months are bad": (["City"], "Worst month of 3 months: "),
    "how sure is it": ([], "90% interval: "),
    "how is my neighbour": (["City", "km)"], "than here, over the"),
    "which rank has my city": ([], "by the intervals between"),
    "how many people live above the guideline": (["Countries"], "People above 5 µg/m³ (the guideline)"),
    "where does the model guess": ([], "Hollow"),
    "where do I get the data": (["Data"], "Download "),
}


@pytest.fixture(scope="module")
def two_years(server, tmp_path_factory):
    "Address of the app over two cities, of which one is 30 µg/m³, from 1 December 2019 to 29 February 2020."
    import numpy as np
    import pandas as pd

    from airq.io import write_table

    places = pd.DataFrame(
        {
            "city_id": ["kla", "jin"],
            "city": ["Kampala", "Jinja"],
            "country": "UGA",
            "latitude": [0.32, 0.42],
            "longitude": [32.58, 33.20],
            "population": [1.7e6, 3e5],
            "pm25": [30.0, 29.0],
            "inside_domain": [True, False],
        }
    )
    days = pd.DataFrame({"date": pd.date_range("2019-12-01", "2020-02-29")})
    rows = places.merge(days.assign(more=np.arange(len(days)) % 3), how="cross")
    rows = rows.assign(site_id=rows["city_id"], pm25=rows["pm25"] + rows.pop("more"), level=0.9)
    rows = rows.assign(lower=rows["pm25"] - 10, upper=rows["pm25"] + 10)
    path = tmp_path_factory.mktemp("two") / "predictions.parquet"
    write_table(rows, path, metadata={"airq": {"trained_on": "sensor", "period": "day"}})
    return server(predictions=path)


@pytest.mark.parametrize("question", QUESTIONS)
def test_two_clicks_answer_a_question(visit, two_years, question):
    "The answer stands within the 900 pixels that are seen."
    clicks, answer = QUESTIONS[question]
    here = visit(two_years)
    for name in clicks:
        here.page.get_by_text(name, exact=name != "km)").first.click()
        here.settle()
    box = here.page.get_by_text(answer).first.bounding_box()
    assert len(clicks) <= 2
    assert box["y"] + box["height"] <= 900
