import altair as alt

import airq

panel = airq.simulate(n_cities=16, start="2020-01-01", end="2020-01-31", random_state=0)
new = panel["city_id"].isin(panel["city_id"].unique()[:3])
model = airq.PM25Regressor().fit(panel[~new]).calibrate(panel[~new])
table = model.predict_table(panel[new], coverage=0.9)

chart = alt.Chart(table, title="SIMULATED").encode(x="date:T", y=alt.Y("pm25:Q", title="µg/m³"))
band = chart.mark_area(opacity=0.3).encode(y=alt.Y("lower:Q"), y2="upper:Q")
(band + chart.mark_line()).properties(height=120).facet(row="city:N").save("pm25.html")
