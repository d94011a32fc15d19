"""Each bento's README, executed: its request sent to its pod, and to its BentoML service."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from tests.serving import documented
from tests.serving.documented import BENTOS, ROOT, differences
from tests.serving.pod import running

from ekiben import config
from ekiben.train import station

FEWEST_ROWS = {
    "EKIBEN_TRAIN__PARITY_ROWS": "1000"
}  # all of them are compared where the bento is trained to be served


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


@pytest.mark.parametrize("bento", BENTOS)
def test_the_pod_gives_the_documented_answers(
    bento: str, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """Every request of the README has the answer that the README says, from a pod of the trained model."""
    asked = documented.of(bento)
    with running(trained(bento), tmp_path) as pod:
        for each in asked:
            reply = pod.request(each.method, each.path, each.body)
            assert reply.status == each.status, reply.body
            assert differences(each.answer, reply.json, each.tolerance) == []
