"""What `helm test` runs in a pod of the released image: readiness, then every golden row."""

import json
import math
import os
import pathlib
import sys
import urllib.request
from typing import Any

url, artefact = os.environ["URL"], os.environ["ARTEFACT"]
timeout_seconds = float(os.environ["TIMEOUT_SECONDS"])
golden_file = pathlib.Path(os.environ["EKIBEN_ARTEFACT"]) / "golden.json"


def call(path: str, body: object = None) -> dict[str, Any]:
    """Send one request; an answer other than 2xx raises."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def same(expected: Any, found: Any, tolerance: float) -> bool:
    """Compare answers: numbers within the tolerance, all else exactly."""
    if isinstance(expected, list):
        pairs = zip(expected, found, strict=True)
        return all(same(one, other, tolerance) for one, other in pairs)
    if isinstance(expected, float):
        return math.isclose(expected, found, rel_tol=tolerance, abs_tol=1e-12)
    return expected == found


ready = call("/readyz")
print("readyz:", ready)
if artefact and ready["artefact"] != artefact:
    sys.exit(f"expected the artefact {artefact}, found {ready['artefact']}")
golden = json.loads(golden_file.read_text())
answer = call("/predict", {"instances": golden["instances"]})
for key in ("predictions", "probabilities"):
    if golden[key] is not None and not same(golden[key], answer.get(key), golden["relative_tolerance"]):
        sys.exit(f"expected {key} {golden[key]}, found {answer.get(key)}")
print(len(golden["instances"]), "golden rows: every answer is right")
