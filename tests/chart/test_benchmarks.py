"""The benchmarks start the product as the chart does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import yaml
from benchmarks import product
from benchmarks.arms import PRODUCT
from benchmarks.place import Place

ROOT = Path(__file__).resolve().parents[2]


def test_the_product_is_measured_with_the_charts_own_variables(tmp_path: Path) -> None:
    """Every variable of the container is there, with the default of values.yaml; nothing makes it faster."""
    values = yaml.safe_load((ROOT / "helm" / "model-server" / "values.yaml").read_text())
    model = SimpleNamespace(artefact=tmp_path / "artefact")
    credentials = SimpleNamespace(folder=tmp_path / "access")
    place = Place(tmp_path / "python", 4000, model, tmp_path, tmp_path / "src", credentials)  # type: ignore[arg-type]
    found = PRODUCT.launch(place)
    assert found.argv == (str(tmp_path / "python"), "-m", "ekiben.serving")
    assert found.environment["EKIBEN_DRAIN_SECONDS"] == str(values["drainSeconds"])
    assert found.environment["EKIBEN_REQUEST_TIMEOUT_SECONDS"] == str(values["requestTimeoutSeconds"])
    assert found.environment["EKIBEN_HTTP_PORT"] == "4000"
    assert found.environment["EKIBEN_ACCESS"] == "required"
    own = {
        "BENTOML_DO_NOT_TRACK", "PYTHONPATH", "PYTHONSAFEPATH", "EKIBEN_ARTEFACT", "EKIBEN_HOST",
        "EKIBEN_ACCESS", "EKIBEN_ACCESS_DIR",
    }  # fmt: skip
    charts = set(product._charts(4000))
    assert set(found.environment) == own | charts
