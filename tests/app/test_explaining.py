"""Contributions are found in a process of their own, once."""

import pandas as pd
import pytest

from app.explaining import EXPLANATION, Answer, Answers, ask

ANSWER = Answer([["no2", 12.5]], ["no2 alone"])


def test_the_process_finds_reasons_that_sum_to_the_prediction(trained):
    "Those of a row in the middle of the panel."
    rows = pd.read_parquet(trained / "predictions.parquet")
    row = rows.iloc[len(rows) // 2]
    question, answers = (row["city_id"], f"{row['date']:%Y-%m-%d}"), Answers()
    list(ask(answers, trained / "panel.parquet", trained / "bundle", *question))
    found = answers.get(*question)
    assert found.table["contribution"].sum() == pytest.approx(row["pm25"], abs=1e-3)


def test_a_question_that_cannot_be_answered_gives_words(trained):
    "The process says what is wrong, and nothing is kept."
    answers = Answers()
    with pytest.raises(ValueError, match="The panel has no row of this city"):
        list(ask(answers, trained / "panel.parquet", trained / "bundle", "atlantis", "2020-01-20"))
    assert answers.get("atlantis", "2020-01-20") is None


@pytest.fixture
def busy():
    "Another explanation is running."
    EXPLANATION.slots.acquire()
    yield
    EXPLANATION.slots.release()


def test_a_question_that_has_to_wait_says_so(busy):
    "One process at a time works for a server."
    steps = ask(Answers(), "panel", "bundle", "kla", "2020-01-20")
    assert next(steps).text.startswith("Another explanation is running")
    steps.close()


def test_an_answer_found_for_somebody_else_ends_the_wait(busy):
    "The same question of two sessions is worked on once."
    answers = Answers()
    steps = ask(answers, "panel", "bundle", "kla", "2020-01-20")
    next(steps)
    answers.keep("kla", {"2020-01-20": ANSWER})
    assert list(steps) == []


def test_the_oldest_answers_go_first():
    "Two are kept of three."
    answers = Answers(most=2)
    answers.keep("kla", {"2020-01-01": ANSWER, "2020-01-02": ANSWER})
    answers.keep("nbo", {"2020-01-01": ANSWER})
    known = [answers.get(*asked) for asked in (("kla", "2020-01-01"), ("kla", "2020-01-02"))]
    assert known == [None, ANSWER]


def test_an_answer_is_of_its_city_only():
    "The same day of another city is not known."
    answers = Answers()
    answers.keep("kla", {"2020-01-01": ANSWER})
    assert answers.get("nbo", "2020-01-01") is None
