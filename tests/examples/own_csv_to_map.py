# %% [markdown]
# # From a CSV of your own to a map
#
# You have a table of daily PM2.5 at some monitors, with a few satellite and weather columns beside it, and
# the same columns for cities that have no monitor. This story fills in the missing PM2.5 and draws a map.
#
# We first write such a table, so that the story runs anywhere. **Its values are SIMULATED**: they describe
# a made-up atmosphere, not the air of any city.

# %%
import tempfile
from pathlib import Path

import altair as alt

import airq

folder = Path(tempfile.mkdtemp())
names = {"site_id": "station", "date": "day", "latitude": "lat", "longitude": "lon", "city": "town"}
names |= {"pm25": "pm", "cams_pm25": "model_pm", "aod055": "aod", "no2": "no2", "temp_air": "kelvin"}
simulated = airq.simulate(n_cities=28, start="2020-01-01", end="2020-01-31", random_state=3)
table = simulated.rename(columns=names)[[*names.values(), "country"]]
table["kelvin"] += 273.15
monitored = table["station"].isin(sorted(table["station"].unique())[:20])
table[monitored].to_csv(folder / "monitors.csv", index=False)
table[~monitored].drop(columns="pm").to_csv(folder / "elsewhere.csv", index=False)

# %% [markdown]
# ## Say what the columns are
#
# A mapping gives each column of the panel (on the left) its column in your file, and the unit if it differs
# from the panel's. It also says where PM2.5 comes from: for real monitors you would write `"sensor"`.

# %%
columns = {panel: own for panel, own in names.items() if panel not in ("pm25", "temp_air")}
columns |= {"country": "country", "temp_air": {"from": "kelvin", "unit": "K"}}
facts = {"pm25_origin": "simulated", "day_basis": "utc", "statistic": "mean"}
of_monitors = {"panel": facts, "columns": {**columns, "pm25": {"from": "pm", "unit": "µg/m³"}}}
panel, report = airq.read_table(folder / "monitors.csv", mapping=of_monitors)
print(report)

# %% [markdown]
# The report counts what was dropped and why. The other cities use the same mapping without PM2.5.

# %%
elsewhere, _ = airq.read_table(folder / "elsewhere.csv", mapping={"panel": facts, "columns": columns})

# %% [markdown]
# ## Fit, calibrate, predict
#
# `fit` learns from all monitors. `calibrate` holds cities out in turn, to learn how wrong the model is in a
# city it does not know; that decides how wide the intervals are.

# %%
model = airq.PM25Regressor().fit(panel).calibrate(panel)
predictions = model.predict_table(elsewhere)
months = model.predict_table(elsewhere, period="month")
print(months[["city", "pm25", "lower", "upper"]].round(1).to_string(index=False))

# %% [markdown]
# The mean of a month has an interval of its own, narrower than that of a day. Averaging the daily bounds
# would not give it.
#
# ## Draw the map
#
# One point per city: its predicted mean of the month. Grey points are the monitors.

# %%
title = "SIMULATED: predicted mean PM2.5, January 2020"
points = alt.Chart(months, title=title).encode(longitude="longitude:Q", latitude="latitude:Q")
monitors = alt.Chart(panel.drop_duplicates("site_id")[["longitude", "latitude"]]).mark_circle(
    color="lightgrey"
)
monitors = monitors.encode(longitude="longitude:Q", latitude="latitude:Q")
dots = points.mark_circle(size=160).encode(color=alt.Color("pm25:Q", title="µg/m³").scale(scheme="orangered"))
(monitors + dots + points.mark_text(dy=-12).encode(text="city:N")).properties(width=450, height=450).save(
    "map.png"
)

# %% [markdown]
# Save the three files that the app reads; then the printed line opens the interactive map in your browser.

# %%
model.save(folder / "bundle")
airq.write_panel(panel, folder / "panel.parquet")
airq.write_predictions(predictions, folder / "predictions.parquet")
print(f"cd {folder}; airq app --predictions predictions.parquet --bundle bundle --panel panel.parquet")
