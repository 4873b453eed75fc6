# %% [markdown]
# # Resampling changes probabilities; put them back
#
# Rare classes are often resampled until all classes have the same size. The classifier then finds the rare
# class more often, and its probabilities describe a world in which that class is common. If you know how
# common it really is, you can correct them exactly once. `PriorCorrectedClassifier` finds the class shares
# that the probabilities stand for and corrects to the shares that you name. Here twenty rare rows are few to
# estimate them from, and a straight line learns what it is shown: they are counted.

# %%
import numpy as np
from imblearn.under_sampling import RandomUnderSampler
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from imbalance.estimators import PriorCorrectedClassifier

# %% [markdown]
# ## A rare class
#
# The Wisconsin breast cancer data ship with scikit-learn. We keep every benign case and 40 malignant ones, so
# that malignant is a rare class, and hold half of the rows out.

# %%
X, target = load_breast_cancer(return_X_y=True)
X = X[:, :5]
y = np.where(target == 0, "malignant", "benign")
malignant, benign = np.flatnonzero(y == "malignant")[:40], np.flatnonzero(y == "benign")
rows = np.concatenate([benign, malignant])
X_train, X_test, y_train, y_test = train_test_split(
    X[rows], y[rows], test_size=0.5, stratify=y[rows], random_state=0
)
share = float(np.mean(y_train == "malignant"))
print(f"{share:.1%} of {len(y_train)} training rows are malignant")

# %% [markdown]
# ## Without and with the correction
#
# The same logistic regression on the same resampled rows, twice. `target_prior=None` leaves the probabilities
# as they are; the other one corrects them to the known shares of the population.

# %%
known = {"benign": 1 - share, "malignant": share}
logistic = make_pipeline(StandardScaler(), LogisticRegression())
losses = {}
for name, prior in (("resampled", None), ("corrected", known)):
    model = PriorCorrectedClassifier(
        logistic,
        target_prior=prior,
        trained_prior="count",
        sampler=RandomUnderSampler(),
        random_state=0,
    ).fit(X_train, y_train)
    probability = model.predict_proba(X_test)
    losses[name] = log_loss(y_test, probability, labels=model.classes_)
    print(f"{name}: log loss {losses[name]:.3f}, mean P(malignant) {probability[:, 1].mean():.3f}")

# %% [markdown]
# The corrected probabilities are as high on average as the class is frequent, and the log loss falls. The
# order of the patients does not change: only the level does.
#
# The model records what the classifier's probabilities stand for, and what the corrected ones do.

# %%
print(f"before {model.effective_prior_.round(2)}, corrected {model.target_prior_.round(2)}")

# %% [markdown]
# ## A population with other shares
#
# In a screening programme the class may be rarer still. No new fit is needed.

# %%
screening = model.proba_for(X_test, [0.99, 0.01])
print(f"mean P(malignant) in a population with 1 %: {screening[:, 1].mean():.3f}")
