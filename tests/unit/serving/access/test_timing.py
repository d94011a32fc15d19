"""The program that times refusals: its statistics are right, and it sees a door that tells too much."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from scipy import stats
from tests.torture import access_timing
from tests.torture.access_timing import Admit, Headers
from tests.unit.serving.access import made

from ekiben.serving.problem import RefusedError

SAMPLES = 400


@pytest.fixture
def admit(tmp_path: Path) -> Admit:
    """The product's own."""
    door = access_timing.door(tmp_path)
    return lambda headers: door.leave(door.credential(headers), "predict", "")


def t_of(admit: Admit, kind: str) -> float:
    chance = random.Random(1)  # noqa: S311 - to be repeated
    times = access_timing.timed(admit, access_timing.kinds(chance), SAMPLES, chance)
    return access_timing.welch(times["unknown id"], times[kind])


def test_welchs_t_is_scipys() -> None:
    """Of two samples with unequal numbers and variances."""
    chance = random.Random(0)  # noqa: S311 - as above
    one, other = [chance.gauss(10, 1) for _ in range(50)], [chance.gauss(10.5, 3) for _ in range(80)]
    assert access_timing.welch(one, other) == pytest.approx(stats.ttest_ind(one, other, equal_var=False)[0])


def test_a_door_that_looks_the_id_up_first_is_seen(admit: Admit) -> None:
    """Some more work for an id that exists is told apart, with far fewer samples than are taken."""

    def telling(headers: Headers) -> object:
        if b"_old-" in headers[b"authorization"]:
            sum(range(3_000))
        return admit(headers)

    assert abs(t_of(telling, "wrong secret")) > access_timing.MOST_T


def test_what_is_timed_is_what_it_says(admit: Admit) -> None:
    """Every kind is refused as unknown: an expired key's hash is in the file all the same."""
    makers = access_timing.kinds(random.Random(1))  # noqa: S311 - as above
    assert {len(make()) for make in makers.values()} == {len("ekiben_old-10_") + 64}
    for make in makers.values():
        with pytest.raises(RefusedError) as error:
            admit({b"authorization": f"Bearer {make()}".encode()})
        assert error.value.status == 401
    assert admit({b"authorization": b"Bearer " + made.key_text("live-1").encode()})
