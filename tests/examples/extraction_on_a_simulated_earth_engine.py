# %% [markdown]
# # Satellite and weather features, without an account
#
# `airq.extract` asks Google Earth Engine for the inputs of any cities and days. Here the questions go to a
# small server on this machine that computes answers as Earth Engine would. It lives with the tests of this
# project, so run the story from a clone: `PYTHONPATH=tests python tests/examples/...`. The client, the
# requests and the files are those of real use; **the values are SIMULATED**.

# %%
import tempfile
import warnings
from pathlib import Path

import pandas as pd
from earthengine_server import EarthEngineServer

import airq
from airq.messages import AirqWarning
from airq.workflows.extract import plan

cities = pd.DataFrame(
    {
        "city": ["Kampala", "Nairobi"],
        "country": ["UGA", "KEN"],
        "latitude": [0.316, -1.286],
        "longitude": [32.581, 36.817],
    }
)
days = ("2020-01-01", "2020-01-05")
products = ["no2", "cams", "era5", "elevation"]
out = Path(tempfile.mkdtemp()) / "features"

# %% [markdown]
# ## Plan first
#
# A plan sends nothing. It estimates the requests and the time that they take.

# %%
server = EarthEngineServer()
server.start()
engine = airq.EarthEngine("my-project", credentials="anonymous", url=server.url, workers=4)
planned = plan(cities, *days, out=out, client=engine, products=products)
sent_by_plan = len(server.stats.compute)
print(f"{planned.cities} cities, {planned.days} days: {planned.cost.requests} requests; sent {sent_by_plan}")

# %% [markdown]
# ## Extract
#
# Against the real service, leave `url` and `credentials` out. The answers are written into a folder as they
# come. The warning that we filter says what we know: this Earth Engine is simulated.

# %%
warnings.filterwarnings("ignore", message=".*SIMULATED", category=AirqWarning)
panel = airq.extract(cities, *days, out=out, client=engine, products=products)
sent_by_extract = len(server.stats.compute)
print(f"{sent_by_extract} requests, {len(panel)} rows")

# %% [markdown]
# ## Run it again
#
# After Ctrl-C or a lost connection, run the same line again: it asks only for what is missing. Here nothing
# is missing, so nothing is sent. Two more days fetch those two days.

# %%
again = airq.extract(cities, *days, out=out, client=engine, products=products)
sent_by_resume = len(server.stats.compute) - sent_by_extract
longer = airq.extract(cities, days[0], "2020-01-07", out=out, client=engine, products=products)
sent_by_update = len(server.stats.compute) - sent_by_extract - sent_by_resume
print(f"again: {sent_by_resume} requests; two more days: {sent_by_update}, {len(longer)} rows in all")

# %% [markdown]
# ## Let tasks do it
#
# What takes longer than this machine stays on is left to tasks of Earth Engine. They write into a bucket, and
# the same line on any machine reads what is there and waits for the rest.

# %%
elsewhere = Path(tempfile.mkdtemp())
place = {"client": engine, "products": products, "batch": "gs://bucket/air"}
by_tasks = airq.extract(cities, *days, out=elsewhere / "first", **place)
n_tasks = len(server.exports.states())
found = airq.extract(cities, *days, out=elsewhere / "second", **place)
n_more_tasks = len(server.exports.states()) - n_tasks
server.close()
print(f"{n_tasks} tasks; another folder: {n_more_tasks} more; the same panel: {found.equals(panel)}")

# %% [markdown]
# ## Read the panel
#
# The folder holds a Parquet file with one row per city and day. Units travel with it.

# %%
saved = airq.read_panel(out / "panel.parquet")
units = saved.attrs["airq"]["units"]
print(saved[["city", "date", "no2", "temp_air"]].head(3).to_string(index=False))
print(f"no2 [{units['no2']}], temp_air [{units['temp_air']}]")
