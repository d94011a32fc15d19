"""The shape of a replica: of the cores that were measured, those of which the peak needs the fewest."""

from __future__ import annotations

import json

import pytest
from tests.unit.scale.plan import plans

from ekiben.errors import ConfigError
from ekiben.scale.capacity.cost import cost
from ekiben.scale.capacity.search import conclude
from ekiben.scale.plan import sentence, shape
from ekiben.scale.plan.derive import derive
from ekiben.scale.plan.document import CapacityPlan


def of_cores(cores: int, rate: int) -> CapacityPlan:
    """A plan of replicas that meet the objective up to a rate, and are saturated a third above it."""
    shown = plans.steps({rate // 2: 0.0001, rate: 0.008, rate + 10: 0.05})
    measured = plans.measured(
        capacity=conclude(shown, plans.OBJECTIVE, 0.05, 5_000), cost=cost(shown), cores=float(cores),
        saturation_rate=rate * 4 / 3,
    )  # fmt: skip
    asked = plans.wishes(surge_per_second=0.0)
    return derive(plans.subject(), asked, measured, headroom="budget", signal="cpu", most=5_000)


@pytest.mark.parametrize(
    ("rates", "cores", "at_peak"),
    [
        # 2,000 requests/s: 20 replicas of one core, 10 of two at 200 each, 9 at 240.
        ((100, 240), 2, [20, 18]),
        ((100, 200), 1, [20, 20]),  # as many: the smaller ones
        ((100, 150), 1, [20, 28]),  # one Python in each other's way
    ],
)
def test_the_shape_of_which_the_peak_needs_the_fewest_cores_is_planned(
    rates: tuple[int, int], cores: int, at_peak: list[int]
) -> None:
    """Whatever the order of measuring; the plan tells of the other one, and can be read again."""
    both = [of_cores(number, rate) for number, rate in enumerate(rates, start=1)]
    found = shape.cheapest(both)
    assert shape.cheapest(both[::-1]) == found
    assert (found["cores"], found["worker_threads"]) == (cores, cores)
    assert [each.peak_cores for each in found.shapes] == at_peak
    assert [each.capacity_rate for each in found.shapes] == list(rates)
    assert CapacityPlan.parse(found.text()) == found
    [line] = [each for each in sentence.lines(found) if each.startswith("shape")]
    other = 3 - cores
    assert f"{at_peak[cores - 1]} cores at the peak ({at_peak[other - 1]} with replicas of {other})" in line


def test_a_plan_of_one_shape_tells_of_no_other() -> None:
    """Nothing else was measured."""
    [line] = [each for each in sentence.lines(plans.plan()) if each.startswith("shape")]
    assert line == "shape      2 cores, 2 threads per replica; 28 cores at the peak"
    assert shape.cheapest([plans.plan()]).shapes == ()


def test_a_small_service_has_no_use_for_more_cores_than_its_fewest_replicas() -> None:
    """A peak that one replica carries still has two of them: of two cores each, that is twice as many."""
    small = [plans.plan(cores=cores, peak_rate=60.0, trough_rate=5.0) for cores in (1.0, 2.0)]
    assert [each["peak_cores"] for each in small] == [2, 4]
    assert shape.cheapest(small)["cores"] == 1


@pytest.mark.parametrize(
    ("place", "field", "value", "said"),
    [(0, "peak_cores", 17.0, "replicas of 1 cores need the fewest"), (1, "target_rate", 1.0, "none of them")],
)
def test_shapes_that_do_not_speak_for_the_plan_are_refused(
    place: int, field: str, value: float, said: str
) -> None:
    """Edited by hand: another shape is cheaper, or its own is not there."""
    document = json.loads(shape.cheapest([of_cores(1, 100), of_cores(2, 240)]).text())
    document["shapes"][place][field] = value
    with pytest.raises(ConfigError, match=said):
        CapacityPlan.parse(json.dumps(document))
