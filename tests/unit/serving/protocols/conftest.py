"""Two pods: one of numbers that classifies, one of mixed columns that regresses."""

from __future__ import annotations

import pytest
from tests.unit.serving.protocols import pod


@pytest.fixture(scope="session")
def flowers() -> pod.Pod:
    """Four numbers in, one of three labels out."""
    return pod.flowers()


@pytest.fixture(scope="session")
def mixed() -> pod.Pod:
    """Four columns of four types in, a number out."""
    return pod.mixed()
