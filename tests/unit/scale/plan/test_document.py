"""`plan.json`: read again, computed again, refused where it was changed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.scale.plan import plans

from ekiben.errors import ConfigError
from ekiben.scale.plan.document import CapacityPlan

# What formulas may use, in Python's own words.
FUNCTIONS: dict[str, Any] = {
    "__builtins__": {}, "min": min, "max": max, "sqrt": math.sqrt,
    "ceil": lambda x: math.ceil(round(x, 9)), "floor": lambda x: math.floor(round(x, 9)),
}  # fmt: skip


def test_a_plan_comes_back_as_it_was_written() -> None:
    """Text to plan to text is the same, and so is the hash."""
    written = plans.plan()
    read = CapacityPlan.parse(written.text())
    assert read == written
    assert (read.text(), read.sha256) == (written.text(), written.sha256)


@pytest.mark.parametrize("headroom", ["budget", "saturation", "objective"])
def test_every_formula_of_the_text_gives_its_value(headroom: str) -> None:
    """By Python's own arithmetic on what `plan.json` carries, number by number."""
    document = json.loads(plans.plan(headroom).text())
    derived = {name: each for name, each in document["numbers"].items() if each["kind"] == "derived"}
    assert len(derived) > 30
    for name, each in derived.items():
        inputs = {key: document["numbers"][key]["value"] for key in each["inputs"]}
        assert inputs == each["inputs"], name
        assert eval(each["formula"], FUNCTIONS, inputs) == pytest.approx(each["value"]), name  # noqa: S307


def _number(name: str, **fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["numbers"][name].update(fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_number("max_replicas", value=50), "max_replicas: .* found 50"),
        (_number("target_rate", value=150), "target_rate"),
        (_number("peak_rate", value=2_500), "peak_rate|inputs"),
        (_number("max_replicas", formula="50", value=50, inputs={}), "max_replicas: expected the formula"),
        (_number("max_replicas", kind="given"), "max_replicas: expected the formula"),
        (_number("capacity_rate", value=196), "capacity_rate|inputs"),
        (_number("idle_cores", source=""), "idle_cores: no source"),
        (_number("peak_rate", value=9_000), "max_replicas: its inputs are not the plan's own: peak_rate\n"),
        (_number("max_replicas", unit="pods"), "max_replicas: expected the unit 'replicas', found 'pods'"),
        (_number("max_replicas", interval=[1, 2]), "max_replicas: expected the interval .*found"),
        (_number("target_rate", interval=None), "target_rate: expected the interval .*found None"),
        (_number("capacity_rate", interval=[188, 500]), r"capacity_rate: the steps give the interval \(188"),
        (_number("capacity_estimate_rate", value=240), "capacity_estimate_rate: the steps give 19"),
        (lambda d: d["steps"][0].update(requests=-1), "steps.0: no load gives such a step"),
        (lambda d: d["steps"][1].update(bad=99_999_999), "steps.1: no load gives such a step"),
        (lambda d: d["steps"][2].update(rate=0), "steps.2: no load gives such a step"),
        (lambda d: d["steps"][0].update(effect=0.5), "steps.0: no load gives such a step"),
        (lambda d: d["numbers"].pop("min_replicas"), "no min_replicas"),
        (lambda d: d["numbers"].pop("peak_rate"), "peak_rate"),
        (lambda d: d["steps"][1].update(bad=100_000), "capacity_rate: the steps give 94"),
        (lambda d: d.update(steps=d["steps"][:1]), "steps: expected at least 2 valid steps"),
        (lambda d: d.update(headroom="objective"), "target_rate: expected the formula"),
        (lambda d: d.update(format=2), "format"),
        (lambda d: d.update(more=1), "more"),
        (lambda d: d.pop("subject"), "subject"),
        (lambda d: d["subject"].pop("artefact_sha256"), "artefact_sha256"),
    ],
)
def test_a_plan_that_was_changed_is_refused(change: Callable[[dict[str, Any]], object], said: str) -> None:
    """A value, an input, a formula, a measurement, a missing part: each is named."""
    document = json.loads(plans.plan().text())
    change(document)
    with pytest.raises(ConfigError, match=said):
        CapacityPlan.parse(json.dumps(document))


def test_a_step_that_judged_nothing_is_no_change() -> None:
    """One that ended within its warm-up is measured so, counts for nothing, and is kept."""
    document = json.loads(plans.plan().text())
    document["steps"].append(document["steps"][0] | {"seconds": 0.0, "requests": 0, "bad": 0, "effect": 1.0})
    assert CapacityPlan.parse(json.dumps(document)).numbers == plans.plan().numbers


def test_a_consistent_lie_about_a_measurement_is_seen() -> None:
    """C* raised to 196 in the number and in every input: the steps still say 188."""
    document = json.loads(plans.plan().text())
    document["numbers"]["capacity_rate"]["value"] = 196
    for each in document["numbers"].values():
        if "capacity_rate" in each["inputs"]:
            each["inputs"]["capacity_rate"] = 196
            each["value"] = eval(each["formula"], FUNCTIONS, each["inputs"])  # noqa: S307
    with pytest.raises(ConfigError, match=r"the steps give 188|inputs are not"):
        CapacityPlan.parse(json.dumps(document))


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("max_replica", "max_replicas"),
        ("MIN-REPLICAS", "min_replicas"),
        ("target", "target_rate"),
        ("min_replcas", "min_replicas"),
        ("percent", "cpu_target_percent"),
        ("headroom ratio", "headroom_ratio"),
    ],
)
def test_a_name_that_is_none_is_answered_with_those_near_it(asked: str, near: str) -> None:
    """Six at most, and where all are listed; without any near, only that."""
    found = plans.plan()
    with pytest.raises(ConfigError, match=f"found '{asked}'") as error:
        found.number(asked)
    names = error.value.remedy.removeprefix("one of ").split(", or see ")[0].split(", ")
    assert near in names
    assert set(names) <= set(found.numbers)
    assert len(names) <= 6
    with pytest.raises(ConfigError) as error:
        found.number("zzz")
    assert error.value.remedy == "ekiben plan show iris, which lists all"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": 1}', "\x00"])
def test_anything_else_is_no_plan(text: str) -> None:
    """The message says what was expected and what to do."""
    with pytest.raises(ConfigError, match="expected a capacity plan") as error:
        CapacityPlan.parse(text)
    assert "ekiben plan" in error.value.remedy
