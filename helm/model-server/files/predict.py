"""What `helm test` runs in a pod of the released image: readiness, then every golden row."""

import json
import math
import os
import pathlib
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any

url, artefact = os.environ["URL"], os.environ["ARTEFACT"]
timeout_seconds = float(os.environ["TIMEOUT_SECONDS"])
golden_file = pathlib.Path(os.environ["EKIBEN_ARTEFACT"]) / "golden.json"
headers = {"content-type": "application/json"}
key_file = pathlib.Path(os.environ.get("KEY_FILE", ""))
if key_file.is_file():
    headers["x-api-key"] = key_file.read_text().strip()
trust = None
if "TLS_DIR" in os.environ:
    authority, own = (pathlib.Path(os.environ["TLS_DIR"]) / name for name in ("ca.crt", "tls.crt"))
    trust = ssl.create_default_context(cafile=str(authority if authority.is_file() else own))
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the server's own certificate may be all there is


def call(path: str, body: object = None) -> dict[str, Any]:
    """Send one request; an answer other than 2xx raises."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds, context=trust) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403) and "KEY_FILE" in os.environ:
            sys.exit(
                f"{path}: expected an answer, found {error.code}: access is required, and the Secret that "
                "access.verifySecretName names has no entry `key` with leave to predict. "
                "`ekiben release` makes one, or: ekiben key create MODEL helm-test --scope predict | "
                "kubectl create secret generic RELEASE-verify --from-file=key=/dev/stdin"
            )
        raise
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
