"""Numbers in sentences."""

from __future__ import annotations

import pytest
from tests.unit.scale.plan import plans

from ekiben.errors import ConfigError
from ekiben.scale.plan import sentence


def test_a_derived_number_says_formula_inputs_and_source() -> None:
    """The fewest replicas: 3, from the four conditions, with the values that went in."""
    told = sentence.sentence(plans.plan(), "min_replicas")
    for part in ("min_replicas is 3 replicas", "ceil(trough_rate / hard_rate) + 1", "hard_rate = 237.5"):
        assert part in told
    assert told.endswith(".")
    assert "\n" not in told


def test_the_target_says_what_binds_it() -> None:
    """Surge-bound, and what would help."""
    assert "surge-bound: a shorter lag" in sentence.sentence(plans.plan(), "target_rate")


def test_a_measured_number_has_its_interval() -> None:
    """C* between what was shown and what failed."""
    assert "188 requests/s (188 to 196)" in sentence.sentence(plans.plan(), "capacity_rate")


def test_every_number_can_be_said() -> None:
    """One sentence each, naming its kind; the summary names the replicas."""
    found = plans.plan(signal="cpu", trough_rate=None)
    for name, each in found.numbers.items():
        told = sentence.sentence(found, name)
        assert told.startswith(f"{name} is ")
        assert f"{each.kind}, source: {each.source}." in told
    assert any("3 to 21" in line or "replicas" in line for line in sentence.lines(found))


def test_an_unknown_number_is_refused_with_all_names() -> None:
    """The remedy lists them."""
    with pytest.raises(ConfigError, match="found 'replicas'") as error:
        sentence.sentence(plans.plan(), "replicas")
    assert "min_replicas" in error.value.remedy
