"""The iris artefact, trained once by station 1, and one pod that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.pod import Pod, running

from ekiben import config
from ekiben.train import station

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the flagship's artefact, in a model store of this session's own."""
    home = tmp_path_factory.mktemp("bentoml-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        return station.train(config.load("iris", ROOT, {}), ROOT).folder


@pytest.fixture(scope="session")
def pod(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A pod that many tests share: they compare counters before and after."""
    with running(artefact, tmp_path_factory.mktemp("pod")) as found:
        yield found
