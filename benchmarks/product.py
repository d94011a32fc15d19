"""How the product is started: as the image does, with the variables that the chart sets."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from benchmarks.credentials import Credential
from benchmarks.models import ROOT
from benchmarks.place import HOST, Launch, Place
from ekiben.clients import helm, tools

_CHART = ROOT / "helm" / "model-server"
_DIGEST = f"sha256:{0:064x}"  # the chart wants one; nothing is pulled
_UNBATCHED = Path(__file__).with_name("programs") / "unbatched.py"
DEFAULTS: Mapping[str, Any] = MappingProxyType({})


def launch(
    credential: Credential, values: Mapping[str, Any] = DEFAULTS, *, batches: bool = True
) -> Callable[[Place], Launch]:
    """Start the pod's process.

    Args:
        credential: What its callers must bring.
        values: Chart values that a row of the report changes.
        batches: False answers one request at a time, by a program of ours: the pod has no such setting.
    """

    def start(place: Place) -> Launch:
        mode = "none" if credential == "none" else "required"
        told = _charts(place.port, json.dumps({"access": {"mode": mode}, **values}))
        environment = {
            **told,
            "BENTOML_DO_NOT_TRACK": "True",
            "PYTHONPATH": str(place.source),
            "PYTHONSAFEPATH": "1",
            "EKIBEN_ARTEFACT": str(place.model.artefact),
            "EKIBEN_HOST": HOST,
        }
        if mode == "required":
            environment["EKIBEN_ACCESS_DIR"] = str(place.credentials.folder)
        program = ("-m", "ekiben.serving") if batches else (str(_UNBATCHED),)
        return Launch((str(place.python), *program), environment)

    return start


@functools.cache
def _charts(port: int, changed: str) -> Mapping[str, str]:
    """Render the chart and take the container's variables."""
    values = {
        "image": {"repository": "ekiben/bench", "digest": _DIGEST},
        "ports": {"http": port, "grpc": port + 1, "metrics": port + 2},
        **json.loads(changed),
    }
    text = helm.template(tools.find("helm"), _CHART, "bench", "models", values, skip_tests=True)
    (deployment,) = (each for each in yaml.safe_load_all(text) if each and each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}
