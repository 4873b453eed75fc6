"""Why a prediction is what it is: the question about one city and day, and the answers that are kept.

A process of its own finds the reasons. Most of its work are the features of the whole panel, so the days
around come with the day that was asked for.
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
    reasons : list of list
        Product and contribution [µg m⁻³], as :meth:`airq.models.explanation.Contributions.of` orders them.
    sentences : list of str
        The same in words.
    """

    reasons: list
    sentences: list

    @property
    def table(self):
        """The reasons as a table of `product, contribution`."""
        return pd.DataFrame(self.reasons, columns=["product", "contribution"])


class Answers:
    """Answers by city and day, for all sessions of a server; the oldest go first.

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
        """The answer for a city and a day like 2020-01-31; None where it is not known."""
        return self._found.get((city_id, date))

    def keep(self, city_id, answers):
        """Keep answers for a city, by day."""
        with self._changing:
            self._found |= {(city_id, date): answer for date, answer in answers.items()}
            for oldest in list(self._found)[: -self.most]:
                del self._found[oldest]


def ask(answers, panel, bundle, city_id, date):
    """Find the reasons for one prediction; yields a :class:`app.processes.Step` several times a second.

    It ends once the answer is kept, be it found for another session. Closing the generator ends the work.

    Parameters
    ----------
    answers : Answers
        Where the answer is kept.
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
        answers.keep(city_id, _read(folder))


def _read(folder):
    told = json.loads((folder / ANSWERS).read_text(encoding="utf-8"))
    return {date: Answer(**answer) for date, answer in told.items()}
