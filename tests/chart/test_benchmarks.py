"""The benchmarks start the product as the chart does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from benchmarks.arms import PRODUCT
from benchmarks.place import Place

from ekiben.clients import helm, tools

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
    assert found.environment["EKIBEN_ACCESS_DIR"] == str(tmp_path / "access")
    own = {"BENTOML_DO_NOT_TRACK", "PYTHONPATH", "PYTHONSAFEPATH", "EKIBEN_ARTEFACT"}
    assert set(found.environment) == own | charts_variables(values)


def charts_variables(values: dict[str, Any]) -> set[str]:
    """Names of the container's variables, as helm itself renders them."""
    image = {"repository": "r", "digest": "sha256:" + "0" * 64}
    changed = {**values, "image": image, "access": {**values["access"], "mode": "required"}}
    text = helm.template(
        tools.find("helm"), ROOT / "helm" / "model-server", "x", "y", changed, skip_tests=True
    )
    (found,) = (each for each in yaml.safe_load_all(text) if each and each["kind"] == "Deployment")
    return {each["name"] for each in found["spec"]["template"]["spec"]["containers"][0]["env"]}
