"""How the product is started: as the image does, with the variables that the chart sets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType

import yaml

from benchmarks.credentials import Credential
from benchmarks.models import ROOT
from benchmarks.place import HOST, Launch, Place
from ekiben.clients import helm, tools

_CHART = ROOT / "helm" / "model-server"
_DIGEST = f"sha256:{0:064x}"  # the chart wants one; nothing is pulled
NOTHING: Mapping[str, str] = MappingProxyType({})


def launch(credential: Credential, more: Mapping[str, str] = NOTHING) -> Callable[[Place], Launch]:
    """Start the pod's process.

    Args:
        credential: What its callers must bring.
        more: Variables that a row of the report adds to the defaults.
    """

    def start(place: Place) -> Launch:
        access = {"EKIBEN_ACCESS": "none"}
        if credential != "none":
            access = {"EKIBEN_ACCESS": "required", "EKIBEN_ACCESS_DIR": str(place.credentials.folder)}
        environment = {
            **_charts(place.port),
            "BENTOML_DO_NOT_TRACK": "True",
            "PYTHONPATH": str(place.source),
            "PYTHONSAFEPATH": "1",
            "EKIBEN_ARTEFACT": str(place.model.artefact),
            "EKIBEN_HOST": HOST,
            **access,
            **more,
        }
        return Launch((str(place.python), "-m", "ekiben.serving"), environment)

    return start


@functools.cache
def _charts(port: int) -> Mapping[str, str]:
    """Render the chart with its defaults and take the container's variables."""
    values = {
        "image": {"repository": "ekiben/bench", "digest": _DIGEST},
        "ports": {"http": port, "grpc": port + 1, "metrics": port + 2},
    }
    text = helm.template(tools.find("helm"), _CHART, "bench", "models", values, skip_tests=True)
    (deployment,) = (each for each in yaml.safe_load_all(text) if each and each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}
