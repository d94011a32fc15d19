"""The work that is killed: each station with a small model, and what must be there before it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.torture import kill_state
from tests.torture.kill_state import State
from tests.unit.artefact.models import stored

from ekiben import config

_ESTIMATOR = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

def load_data():
    rows = np.random.default_rng(0).normal(size=(400, 3))
    return pd.DataFrame(rows, columns=["a", "b", "c"]), (rows.sum(axis=1) > 0).astype(int)

def build_estimator():
    return LogisticRegression(C=1.0)
"""
_SERVICE = """
import bentoml

@bentoml.service
class Small:
    model = bentoml.models.BentoModel("small:latest")

    @bentoml.api
    def predict(self, word: str) -> str:
        return word
"""
_CONFIG = """
model: small
train: {estimator: "bentos.small.estimator:build_estimator", data: "bentos.small.estimator:load_data",
  seed: 0, test_ratio: 0.3, golden_rows: 4, parity_rows: 1000, accept: {metric: accuracy, min: 0.8}}
bento: {service: "bentos.small.service:Small", include: ["bentos/small/*.py"], routes: {/predict: lane}}
image: {repository: ekiben/small}
release: {namespace: models}
scale: {min_replicas: 1, max_replicas: 2, target_cpu_percent: 60}
observe: {objective_ratio: 0.99, latency_seconds: 0.25}
"""


def load() -> None:
    """Import once what every process needs, before the forks."""
    import bentoml._internal.bento.bento
    import bentoml._internal.models.model
    import pandas as pd
    import sklearn.linear_model
    import sklearn.metrics
    import sklearn.model_selection

    import ekiben.bento.station
    import ekiben.image.station
    import ekiben.train.station

    _ = (bentoml, pd, sklearn, ekiben)


def _project(folder: Path) -> Path:
    place = folder / "project" / "bentos" / "small"
    place.mkdir(parents=True, exist_ok=True)
    for name, text in (("estimator.py", _ESTIMATOR), ("service.py", _SERVICE), ("ekiben.yaml", _CONFIG)):
        (place / name).write_text(text)
    return folder / "project"


def _older(home: Path, folder: Path) -> None:
    """Two versions, of which one has an alias."""
    from ekiben.artefact import aliases

    (folder / "sources").mkdir(exist_ok=True)
    one = stored(home, 0.1)
    stored(home, 0.2)
    aliases.assign("small", "steady", one, at=datetime.now(UTC), by="ann", home=home)


def configuration(folder: Path) -> config.ModelConfig:
    """`ekiben.yaml` of the small model."""
    return config.load("small", _project(folder), {})


def _train(home: Path, folder: Path) -> None:
    from ekiben.train import station

    assert home.is_dir()
    project = _project(folder)
    station.train(configuration(folder), project)


def trained(home: Path, folder: Path) -> None:
    """One version more, as the station leaves it."""
    _older(home, folder)
    _train(home, folder)


def bento(home: Path, folder: Path) -> None:
    """Pack the version trained last."""
    from ekiben.artefact import aliases
    from ekiben.bento import station

    project = _project(folder)
    tag = aliases.resolve("small", "latest", home)
    assert tag is not None
    station.build(configuration(folder), tag, project)


def _promote(home: Path, _: Path) -> None:
    from ekiben.artefact import aliases

    tag = aliases.resolve("small", "latest", home)
    assert tag is not None
    aliases.assign("small", "steady", tag, at=datetime.now(UTC), by="ann", home=home)


def _exported(home: Path, folder: Path) -> None:
    from ekiben.artefact import exchange

    _older(home, folder)
    other = folder / "other" / "home"
    other.parent.mkdir()
    exchange.export(stored(other, 0.3), folder / "small.tar", other)


def _import(home: Path, folder: Path) -> None:
    from ekiben.artefact import exchange

    exchange.take(folder / "small.tar", home, by="ann", at=datetime.now(UTC))


def _many(home: Path, folder: Path) -> None:
    for score in range(3, 8):
        stored(home, score / 10)
    _older(home, folder)


def _prune(home: Path, _: Path) -> None:
    from ekiben.artefact import pruning

    later = datetime.now(UTC) + timedelta(days=1)
    pruning.remove(home, pruning.Rules({}, later), at=datetime.now(UTC), by="ann")


@dataclass(frozen=True, slots=True)
class Work:
    """What is killed.

    Attributes:
        prepare: Makes a home in which it can be done.
        act: Does it.
        look: What a home shows from outside.
        left: What a run left half-made.
        around: What must run meanwhile.
    """

    prepare: Callable[[Path, Path], None]
    act: Callable[[Path, Path], None]
    look: Callable[[Path, Path], State] = lambda home, _: kill_state.state(home)
    left: Callable[[Path], list[str]] = kill_state.left
    around: Callable[[Path], AbstractContextManager[None]] = lambda _: nullcontext()


def every() -> dict[str, Work]:
    """All that can be killed, by name."""
    from tests.torture import kill_image

    return {
        "train": Work(_older, _train),
        "bento": Work(trained, bento),
        "image": Work(
            kill_image.prepare, kill_image.work, kill_image.look, kill_image.left, kill_image.registry
        ),
        "push": Work(
            kill_image.prepare_push, kill_image.work, kill_image.look, kill_image.left, kill_image.registry
        ),
        "promote": Work(_older, _promote),
        "import": Work(_exported, _import),
        "prune": Work(_many, _prune),
    }
