# %% [markdown]
# # Your own estimator on the same folds
#
# You need not use the model of this package. Any scikit-learn regressor can be scored on held-out cities,
# with the same features, the same folds, and intervals calibrated in the same way.
#
# The panel is **SIMULATED**, and small, so that this runs in seconds; do not read a ranking into it.

# %%
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import airq

panel = airq.simulate(n_cities=14, start="2020-01-01", end="2020-01-20", random_state=1)

# %% [markdown]
# ## Three estimators, one call
#
# Satellites miss cloudy days, so columns have gaps. Ridge needs an imputer before it; the trees do not. An
# estimator is passed unfitted: every fold fits a fresh copy.

# %%
imputer = SimpleImputer(keep_empty_features=True)
estimators = {
    "ours": airq.PM25Regressor("fast"),
    "ridge": make_pipeline(imputer, StandardScaler(), Ridge(alpha=1000)),
    "trees": HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=8, random_state=0),
}
evaluation = airq.evaluate(estimators, panel, ["city"], baselines=["mean"])
scores = evaluation.scores.set_index("model")
print(scores[["rmse", "coverage", "width"]].round(2))

# %% [markdown]
# `coverage` is the share of held-out days inside the 90 % interval. Calibration makes it come out near 90 %
# or above for any estimator, good or bad; a worse estimator pays with wider intervals. The mean is a baseline
# and has no interval.
#
# ## The same trees in scikit-learn's own cross-validation
#
# `HoldOut` is a splitter: it goes into `cv=` wherever scikit-learn takes one. It needs to see the panel to
# know which rows belong together, so the panel is `X`, and the pipeline picks the numeric columns.

# %%
inputs = panel.columns.drop(["site_id", "city_id", "city", "country", "date", "pm25"])


def numeric_inputs(rows):
    return rows[inputs].astype("float64")


labelled = panel[panel["pm25"].notna()]
pipeline = make_pipeline(FunctionTransformer(numeric_inputs), estimators["trees"])
cities = airq.HoldOut("city")
errors = -cross_val_score(
    pipeline, labelled, labelled["pm25"], cv=cities, scoring="neg_root_mean_squared_error"
)
print(f"cross_val_score: RMSE {errors.mean():.1f} ± {errors.std(ddof=1):.1f} µg/m³ over {len(errors)} folds")

# %% [markdown]
# ## What that protocol cannot hand over
#
# scikit-learn passes rows with a target, and nothing else. Lags and neighbour means also use the inputs of
# days on which the monitor was silent, and those rows are gone: here it is the number printed below.
# There are no intervals and no baselines either. The pipeline saw raw columns only. So use `cross_val_score`
# to plug into code that you already have, and `airq.evaluate` for the figures that you report.

# %%
silent = len(panel) - len(labelled)
print(f"{silent} of {len(panel)} rows have inputs but no PM2.5")
