# %% [markdown]
# # How good is it in a city without a monitor?
#
# A score depends on what was held out. Hold out random days, and the model has seen the other days of the
# same city: it knows how dirty that city is. Hold out whole cities, and it has to guess. If you want to
# predict cities without a monitor, only the second score is about your problem.
#
# The panel is **SIMULATED**: the lesson is real, the figures are about a made-up atmosphere.

# %%
import airq

panel = airq.simulate(n_cities=16, start="2020-01-01", end="2020-02-19", random_state=0)
print(f"{len(panel)} days of {panel['city_id'].nunique()} cities")

# %% [markdown]
# ## Random days beside whole cities
#
# `evaluate` fits the model once for each fold, beside simple baselines on the same folds: the training mean,
# and LightGBM with its default settings. The model `fast` has fewer boosters than the default one, and
# learns in a third of the time.

# %%
baselines = ["mean", "lightgbm-defaults"]
evaluation = airq.evaluate(airq.PM25Regressor("fast"), panel, ["random", "city"], baselines=baselines)
rmse = evaluation.scores.pivot(index="model", columns="scheme", values="rmse")
print(rmse.round(1))

# %% [markdown]
# Every model that looks at the columns does better on random days. That is not skill: rows of one city
# resemble each other, and the random split puts some of them into training. The training mean knows no city,
# so it gains nothing.

# %%
flattery = rmse["city"] / rmse["random"]
print(flattery.round(2).to_string())

# %% [markdown]
# ## Do the intervals keep their promise?
#
# We asked for intervals that hold 90 % of the days of a new city. Each held-out city is predicted and
# calibrated without its own data, so we can count. With so few cities the count itself is uncertain, and the
# intervals are wider than they would be with more: look at both coverage and width.

# %%
coverage = evaluation.coverage.query("scheme == 'city' and period == 'day'")
overall = coverage.query("part == 'all'").iloc[0]
print(f"{overall['coverage']:.0%} of the days inside (95 % interval {overall['ci_low']:.0%}", end=" ")
print(f"to {overall['ci_high']:.0%}), mean width {overall['width']:.0f} µg/m³")
worst = coverage.query("part == 'worst_city'").iloc[0]
print(f"worst city: {worst['value']}, {worst['coverage']:.0%}")

# %% [markdown]
# ## Where the model applies
#
# A row lies outside the area of applicability if its inputs are unlike everything in training (Meyer &
# Pebesma 2021). Such rows get a flag, not a better prediction. The ratio compares their error with the error
# of the other rows.

# %%
ours = evaluation.scores.query("model == 'default' and scheme == 'city'").iloc[0]
print(f"{ours['outside_share']:.0%} of the rows lie outside; RMSE {ours['rmse_outside']:.1f}", end=" ")
print(f"outside, {ours['rmse_inside']:.1f} inside: {ours['outside_ratio']:.1f} times as large")
