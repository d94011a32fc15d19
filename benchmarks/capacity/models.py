"""Ten models whose replicas differ: in what computes, in how long it takes, in what a request holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.models import ROOT
from ekiben import config
from ekiben.clients import pod
from ekiben.road import pinned
from ekiben.scale.capacity.step import Objective

LIVE_MODEL = "breast-cancer"  # is searched several times
BAD_RATIO = 0.01  # what `ekiben plan --p99` asks
_PARITY_ROWS = 5_000  # the forms' exactness is tested elsewhere, on more


@dataclass(frozen=True, slots=True)
class Spec:
    """One model, and how its replica is asked.

    Attributes:
        name: Of the model.
        predictor: What computes its answers: `onnx`, `folded` or `scikit-learn`.
        rows: Rows in each request.
        objective_seconds: Latency above which a request is bad, seconds.
        bento: Folder below `bentos/` whose `ekiben.yaml` says how it is trained; empty for one of `train`.
        train: Section `train` of a model that is no bento.
    """

    name: str
    predictor: str
    rows: int
    objective_seconds: float
    bento: str = ""
    train: Mapping[str, Any] = field(default_factory=dict)

    @property
    def objective(self) -> Objective:
        """What is asked of it."""
        return Objective(self.objective_seconds, BAD_RATIO)


def _own(estimator: str, data: str, **accept: Any) -> dict[str, Any]:
    return {
        "estimator": f"{__name__}:{estimator}", "data": f"sklearn:{data}", "accept": accept,
        "stratify": accept["metric"] == "accuracy", "parity_rows": _PARITY_ROWS,
    }  # fmt: skip


_DIGITS: dict[str, Any] = {"data": "digits", "metric": "accuracy", "min": 0.9}
# Rates are below what one sender keeps to (`schedule.MAX_RATE`): of quicker replicas C* is not the replica's.
# Hence no folded form with one row in a request; with 16 rows of 64 numbers it takes as long as a forest.
SPECS = (
    Spec("iris-forest", "onnx", 256, 0.020, "iris"),
    Spec("iris-unconverted", "scikit-learn", 1, 0.100, "iris"),
    Spec("credit", "onnx", 16, 0.010, "credit"),
    Spec("breast-cancer", "onnx", 16, 0.025, "breast_cancer"),
    Spec("housing", "folded", 256, 0.005, "housing"),
    Spec("tickets", "scikit-learn", 1, 0.100, "tickets"),
    Spec("digits-linear", "folded", 16, 0.010, train=_own("linear", **_DIGITS)),
    Spec("digits-forest", "onnx", 1, 0.050, train=_own("forest", **_DIGITS)),
    Spec("digits-kernel", "scikit-learn", 1, 0.030, train=_own("kernel", **_DIGITS)),
    Spec("wine-boosting", "onnx", 256, 0.100, train=_own("boosting", "wine", metric="accuracy", min=0.7)),
)


def linear() -> Any:
    """Build a scaled logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))


def forest() -> Any:
    """Build a forest of 500 trees."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=500, random_state=0)


def boosting() -> Any:
    """Build 100 stages of gradient boosting."""
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=100, random_state=0)


def kernel() -> Any:
    """Build a scaled support vector machine, which no exact form knows well."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC())


def chosen(names: list[str]) -> list[Spec]:
    """Find models by name; none means all."""
    return [spec for spec in SPECS if not names or spec.name in names]


def artefact(spec: Spec, scratch: Path) -> Path:
    """Train a model at the project's own station, unless it is there already.

    Args:
        spec: Which.
        scratch: Outside of the repository; BentoML's store is kept in it.

    Returns:
        Folder of the artefact.
    """
    from ekiben.train import station

    home = scratch / spec.name
    link = home / "artefact"
    if not (link / "manifest.json").is_file():
        home.mkdir(parents=True, exist_ok=True)
        with mock.patch.dict(os.environ, BENTOML_HOME=str(home / "bentoml")):  # not the user's own store
            trained = station.train(_config(spec), ROOT)
        link.unlink(missing_ok=True)
        link.symlink_to(trained.folder.resolve())
    return link.resolve()


def _config(spec: Spec) -> config.ModelConfig:
    if spec.bento:
        return config.load(spec.bento, ROOT, {})
    sections = {"bento": {"service": "benchmarks:none"}, "image": {"repository": f"bench/{spec.name}"}}
    return config.parse({"model": spec.name, "train": spec.train, **sections}, spec.name)


@contextmanager
def replica(spec: Spec, scratch: Path, cores: int = 1) -> Iterator[pinned.Pinned]:
    """Run the model's pod on so many cores and this process on another, as `ekiben plan` does."""
    found = _config(spec)
    folder = artefact(spec, scratch)
    environment = {
        "EKIBEN_ARTEFACT": str(folder),
        "EKIBEN_PREDICTOR": spec.predictor,
        "EKIBEN_RECHECK_SECONDS": f"{found.observe.recheck_seconds:g}",
        **pod.ports(pod.free_port()),
    }
    timeout = found.traffic.timeout_seconds
    with pinned.pinned(environment, folder, timeout, spec.rows, cores=cores) as here:
        yield here
