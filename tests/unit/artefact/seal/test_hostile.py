"""A seeded sample of what `python -m tests.torture.artefact` tries in full."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from tests.torture.artefact.trial import Trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return Trial(tmp_path_factory.mktemp("trial"))


def test_changed_artefacts_are_refused(trial: Trial) -> None:
    """Whatever one random change does to a sealed artefact, it is refused before anything is parsed."""
    assert [done for seed in range(60) if (done := trial.mutation(seed))] == []


def test_hostile_artefacts_are_refused_and_run_nothing(trial: Trial) -> None:
    """Every eighth of the hostile artefacts, with a policy and without; none makes the canary."""
    attacks = trial.attacks()
    assert len(attacks) >= 200
    assert [taken for attack in attacks[::8] if (taken := trial.attack(attack))] == []
    assert not trial.canary.exists()
    assert not trial.deserialised


def test_what_an_unpickler_looks_up_is_seen(trial: Trial) -> None:
    """The watch that the test above trusts sees a pickle that is read."""
    pickle.loads(pickle.dumps(Path("x")))  # noqa: S301 - made here
    assert "pathlib.PosixPath" in trial.deserialised or trial.deserialised
    trial.deserialised.clear()
