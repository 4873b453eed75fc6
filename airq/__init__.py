"""Daily PM2.5 for cities that have no sensor.

The package reads tables of satellite, weather and monitor data into one form (the *panel*),
trains gradient-boosted predictors on them, evaluates these on cities that took no part in
training, and predicts with them. Start with the command ``airq demo`` or with
:mod:`airq.panel`, the vocabulary that everything else uses.
"""

__version__ = "0.1.0"
