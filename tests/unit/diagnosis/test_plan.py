"""The page of a capacity plan."""

from __future__ import annotations

import dataclasses

from tests.unit.scale.plan import plans

from ekiben.diagnosis import plan
from ekiben.scale.plan import shape


def test_the_page_has_curves_steps_and_every_number() -> None:
    """Three plots, a row per step with its verdict, a row per number with its formula; no script."""
    found = plans.plan()
    text = plan.page(found)
    assert text.count("<svg") == 3
    assert "<script" not in text
    for name, each in found.numbers.items():
        assert f"<td>{name}</td>" in text
        assert each.formula.split(" ")[0] in text
    assert [text.count(f"<td>{verdict}</td>") for verdict in ("meets", "misses")] == [2, 2]
    assert "C* = 188.0 requests/s" in text


def test_other_shapes_that_were_measured_are_a_table() -> None:
    """A row each; none where nothing else was measured."""
    both = [plans.plan(cores=1.0), plans.plan(cores=2.0)]
    text = plan.page(shape.cheapest(both))
    assert "on 1 core of" in text
    assert "<td>2</td><td>188</td><td>250</td><td>153.1</td><td>28</td>" in text
    assert "What replicas of other cores need" not in plan.page(both[0])


def test_an_invalid_step_says_why_and_is_in_no_curve() -> None:
    """A step whose core others used is listed with its reason, and its rate does not stretch the plots."""
    steps = plans.steps()
    lost = dataclasses.replace(steps[0], rate=4_000.0, faults=("others used 20% of the replica's core",))
    text = plan.page(plans.plan().model_copy(update={"steps": (*steps, lost)}))
    assert "invalid: others used 20% of the replica&#x27;s core" in text
    assert ">5,000<" not in text  # a tick of an axis to 4,000
