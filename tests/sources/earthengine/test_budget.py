"""The limit of concurrent requests, against a service with a known one, in virtual time."""

import heapq
import threading
import time

import pytest

from airq.sources.earthengine.budget import Budget, Patience


class Service:
    """Accepts `cap` requests at once, works `work` seconds on each, refuses others within 0.1 s."""

    def __init__(self, cap, *, asked, work=30.0, **settings):
        self.now = 0.0
        self.cap, self.work, self.busy = cap, work, 0
        self.budget = Budget(asked, clock=lambda: self.now, **settings)
        self.events, self.log = [], []

    def send(self):
        permit = self.budget.acquire()
        accepted = self.busy < self.cap
        self.busy += accepted
        # Neither takes quite the same time: 0 to 3 % more, by the request's number.
        spread = 1 + len(self.log) % 7 / 200
        self.log.append("accepted" if accepted else "refused")
        done = self.now + (self.work if accepted else 0.1) * spread
        heapq.heappush(self.events, (done, len(self.log), permit, self.log[-1]))

    def run(self, requests):
        """Go on until so many have been accepted."""
        until = self.log.count("accepted") + requests
        while self.log.count("accepted") < until:
            while self.budget.in_flight < self.budget.limit and self.budget.pause == 0:
                self.send()
            if not self.events:
                self.now += self.budget.pause
                continue
            self.now, _, permit, outcome = heapq.heappop(self.events)
            self.busy -= outcome == "accepted"
            self.budget.release(permit, outcome)
        return self

    def share_refused(self, *, after):
        log = self.log[after:]
        return log.count("refused") / len(log)


def take(budget, count):
    return [budget.acquire() for _ in range(count)]


def test_a_burst_of_refusals_leaves_what_was_accepted():
    "40 are sent, the service takes 2: when the 38 refusals are in, the limit is 2."
    budget = Budget(40)
    for permit in take(budget, 40)[:38]:
        budget.release(permit, "refused")
    assert (budget.limit, budget.in_flight) == (2, 2)


def test_one_refusal_takes_one_place():
    "With 10 under way and one refused, 9 go on; an accepted one opens a place again."
    budget = Budget(10)
    first, second, *_ = take(budget, 10)
    budget.release(first, "refused")
    assert budget.limit == 9
    budget.release(second, "accepted")
    assert (budget.limit, budget.in_flight) == (9, 8)


def test_the_limit_is_never_less_than_one():
    "A lone request that is refused leaves room for itself."
    budget = Budget(1)
    budget.release(budget.acquire(), "refused")
    assert budget.limit == 1


@pytest.mark.parametrize("cap", [1, 2, 5, 20, 39])
def test_a_settled_budget_is_refused_less_than_once_in_ten(cap):
    "40 asked: after the first burst fewer than one request in ten is refused, and the cap is in use."
    service = Service(cap, asked=40).run(150)
    settled = len(service.log)
    service.run(1500)
    assert service.share_refused(after=settled) < 0.1
    assert service.share_refused(after=40) < 0.1
    assert cap - 1 <= service.budget.limit <= cap + 1


def test_the_time_it_takes_is_that_of_the_cap():
    "600 requests of 30 s (and up to 3 % more), 5 at once: 3,600 s, at most a tenth more."
    service = Service(5, asked=40).run(600)
    assert 3500 < service.now < 1.1 * 3600 * 1.015


def test_where_nothing_is_refused_all_places_are_used():
    "A service that takes 100 sees 40 at once, and refuses none."
    service = Service(100, asked=40).run(400)
    assert service.budget.limit == 40
    assert "refused" not in service.log


def test_a_cap_that_is_lifted_is_found_out():
    "From 2 to 100: within 1,500 requests the limit is 40 again."
    service = Service(2, asked=40).run(100)
    assert service.budget.limit <= 3
    service.cap = 100
    service.run(1500)
    assert service.budget.limit == 40


def test_a_cap_that_falls_is_followed():
    "From 40 to 3 in the middle: fewer than one in ten is refused from then on."
    service = Service(40, asked=40).run(200)
    before = len(service.log)
    service.cap = 3
    service.run(600)
    assert service.budget.limit in (3, 4)
    assert service.share_refused(after=before) < 0.1


def test_a_late_refusal_takes_its_own_place_only():
    "Two of four refused, the second from before the cut: 2 places stay, and the others do not move it."
    budget = Budget(4)
    early, late, kept, other = take(budget, 4)
    budget.release(early, "refused")
    assert budget.limit == 3
    budget.release(late, "refused")
    assert budget.limit == 2
    budget.release(kept, "accepted")
    budget.release(other, "accepted")
    assert budget.limit == 2


def test_restricted_parallelism_takes_a_quarter_once_a_round():
    "20 answers of one round that all ask for less: 20 -> 15, and the next round 15 -> 12."
    budget = Budget(20)
    for permit in take(budget, 20):
        budget.release(permit, "accepted", restricted=True)
    assert budget.limit == 15
    for permit in take(budget, 15):
        budget.release(permit, "accepted", restricted=True)
    assert budget.limit == 12


def test_failures_say_nothing_about_the_limit():
    "A dropped connection leaves the limit as it is."
    budget = Budget(5)
    for permit in take(budget, 5):
        budget.release(permit, "failed")
    assert (budget.limit, budget.in_flight) == (5, 0)


def test_retry_after_holds_everything_back():
    "A refusal that asks for 7 s: nothing is sent for 7 s."
    now = [100.0]
    budget = Budget(2, clock=lambda: now[0])
    first, _ = take(budget, 2)
    budget.release(first, "refused", retry_after=7)
    assert budget.pause == 7
    now[0] += 7
    assert budget.pause == 0


def test_a_lone_request_that_is_refused_waits_longer_each_time():
    "1, 2, 4, 8, 16, 32 s, then 60 s; an accepted one starts anew."
    now = [0.0]
    budget = Budget(1, clock=lambda: now[0])
    pauses = []
    for _ in range(8):
        budget.release(budget.acquire(), "refused")
        pauses.append(budget.pause)
        now[0] += budget.pause
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    budget.release(budget.acquire(), "accepted")
    budget.release(budget.acquire(), "refused")
    assert budget.pause == 1


def test_fifteen_lone_refusals_exhaust_it():
    "At the 15th the service is said to grant nothing."
    now = [0.0]
    budget = Budget(1, clock=lambda: now[0])
    for _ in range(14):
        budget.release(budget.acquire(), "refused")
        now[0] += 60
    assert not budget.exhausted
    budget.release(budget.acquire(), "refused")
    assert budget.exhausted


def test_silence_takes_failures_and_time():
    "8 failures at once are none; with 100 s since the first they are; one answer ends it."
    now = [0.0]
    budget = Budget(4, clock=lambda: now[0])
    for _ in range(8):
        budget.release(budget.acquire(), "failed")
    assert not budget.silent
    now[0] = 100.0
    assert budget.silent
    budget.release(budget.acquire(), "accepted")
    assert not budget.silent


def test_requests_under_way_put_silence_off():
    "With 4 others at work, 8 failures in 100 s are not silence; 12 are."
    now = [0.0]
    budget = Budget(5, clock=lambda: now[0])
    take(budget, 4)
    for _ in range(11):
        budget.release(budget.acquire(), "failed")
    now[0] = 100.0
    assert not budget.silent
    budget.release(budget.acquire(), "failed")
    assert budget.silent


def test_a_stop_event_ends_the_wait():
    "A full budget and a stop after 0.1 s: the wait, which has no end of its own, ends with nothing."
    budget, stop = Budget(1), threading.Event()
    budget.acquire()
    threading.Timer(0.1, stop.set).start()
    assert budget.acquire(stop) is None


def test_a_released_place_wakes_who_waits():
    "A second request gets its place as soon as the first gives it back."
    budget = Budget(1)
    permit = budget.acquire()
    threading.Timer(0.05, budget.release, (permit, "accepted")).start()
    assert budget.acquire() is not None
    assert budget.in_flight == 1


def test_many_threads_never_exceed_the_limit():
    "30 threads, 4 places: never more than 4 at once."
    budget, lock = Budget(4), threading.Lock()
    busy, most = [0], [0]

    def work():
        for _ in range(5):
            permit = budget.acquire()
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            time.sleep(0.001)
            with lock:
                busy[0] -= 1
            budget.release(permit, "accepted")

    threads = [threading.Thread(target=work) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 4
    assert budget.in_flight == 0


def test_no_place_at_all_is_refused():
    "A limit of 0 would wait for ever."
    with pytest.raises(ValueError, match="At least one request at a time"):
        Budget(0)


def test_scaled_patience_scales_times_only():
    "A tenth: 12 attempts still, waits up to 6 s, silence of 10 s."
    patience = Patience(base=0.1, longest=6.0, silence=10.0)
    assert (patience.attempts, patience.longest, patience.silence) == (12, 6.0, 10.0)
