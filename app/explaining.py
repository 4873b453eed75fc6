"""Explain a prediction: the request for one city and day, and the answers that the server keeps.

A separate process computes the contributions. Most of its work is the features of the whole panel, so the
answer includes the days around the one that was asked for.
"""

from __future__ import annotations

import json
import threading
from contextlib import closing
from dataclasses import dataclass

import pandas as pd

from app.processes import Task, job_folder

ANSWERS = "answers.json"
#: Answers that the server keeps, some kilobytes each.
MOST_KEPT = 1000
EXPLANATION = Task(
    "app.explanation_process",
    "explanation",
    longest=600,
    instead="Ask `airq explain` in a terminal, or give the app a smaller panel.",
    begins="Starting the model",
)


@dataclass(frozen=True)
class Answer:
    """Contributions for one prediction.

    Attributes
    ----------
    contributions : list of list
        Product and contribution [µg m⁻³], in the order of
        :meth:`airq.models.explanation.Contributions.table`.
    sentences : list of str
        The same in words.
    """

    contributions: list
    sentences: list

    @property
    def table(self):
        """The contributions as a table of `product, contribution`."""
        return pd.DataFrame(self.contributions, columns=["product", "contribution"])


class Answers:
    """Answers by city and day, for all sessions of a server; the oldest are dropped first.

    Parameters
    ----------
    most : int
        Answers to keep.
    """

    def __init__(self, most=MOST_KEPT):
        self.most = most
        self._found = {}
        self._changing = threading.Lock()

    def get(self, city_id, date):
        """Return the answer for a city and a day like 2020-01-31; None if there is none yet."""
        return self._found.get((city_id, date))

    def keep(self, city_id, answers):
        """Store answers for a city, by day."""
        with self._changing:
            self._found |= {(city_id, date): answer for date, answer in answers.items()}
            for oldest in list(self._found)[: -self.most]:
                del self._found[oldest]


def ask(answers, panel, bundle, city_id, date):
    """Compute the contributions to one prediction; yield a :class:`app.processes.Step` now and then.

    It ends once the answer is stored, by this session or another. Closing the generator ends the work.

    Parameters
    ----------
    answers : Answers
        Receives the answer.
    panel : str or Path
        Parquet file of a panel.
    bundle : str or Path
        Folder of the bundle.
    city_id : str
        City.
    date : str
        Day, such as 2020-01-31.

    Raises
    ------
    OSError, ValueError
        See :meth:`app.processes.Task.run`.
    """
    job = {"panel": str(panel), "bundle": str(bundle), "city_id": city_id, "date": date}
    with job_folder(job) as folder, closing(EXPLANATION.run(folder)) as steps:
        for step in steps:
            if answers.get(city_id, date) is not None:
                return
            yield step
        by_day = json.loads((folder / ANSWERS).read_text(encoding="utf-8"))
        answers.keep(city_id, {day: Answer(**answer) for day, answer in by_day.items()})
