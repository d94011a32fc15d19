"""The iris artefact, trained once by station 1, one pod that serves it, and the other bentos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.serving.pod import Pod, running

from ekiben import config
from ekiben.train import station

ROOT = Path(__file__).parents[2]
# All of them are compared wherever a bento is trained to be served.
FEWEST_ROWS = {"EKIBEN_TRAIN__PARITY_ROWS": "1000"}


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


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Train a bento as its `ekiben.yaml` says, once in a session; gives its artefact's folder."""
    home = tmp_path_factory.mktemp("bentos-home")

    @cache
    def train(bento: str) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENTOML_HOME", str(home))
            return station.train(config.load(bento, ROOT, FEWEST_ROWS), ROOT).folder

    return train
