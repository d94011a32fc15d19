from __future__ import annotations

from tests.serving import fuzz_validator


def test_product_and_oracle_agree() -> None:
    """A short run of the fuzz: no disagreement, and each way through the validator was taken."""
    found = fuzz_validator.run(600, first_seed=20)
    assert found["failure"] is None
    assert found["cases"] >= 600
    assert min(found[way] for way in ("accepted", "table", "refused")) > 0
