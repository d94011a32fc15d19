"""The report's further rows: other forms, a model that does not convert, and the cost of authentication.

Each is a small matrix: the same interleaving, other arms.
"""

from __future__ import annotations

import dataclasses

from benchmarks import forms, product
from benchmarks.arms import ALL, PRODUCT, QUICK, QUICKSTART, Arm
from benchmarks.credentials import Credential
from benchmarks.matrix import Matrix
from benchmarks.models import chosen

_INFER = "/v2/models/{model}/infer"
_OWN_ESTIMATOR = {"server": {"predictor": "scikit-learn"}}


def _own(name: str, title: str, **changes: object) -> Arm:
    """Change the product's arm."""
    return dataclasses.replace(PRODUCT, name=name, title=title, **changes)  # type: ignore[arg-type]


def _asked_with(credential: Credential, title: str) -> Arm:
    name = f"ekiben-{credential}"
    return _own(name, title, credential=credential, launch=product.launch(credential))


TENSOR = _own("ekiben-v2", "ekiben, v2 JSON", form=forms.tensor(_INFER))
BINARY = _own("ekiben-binary", "ekiben, v2 binary FP32", form=forms.binary(_INFER), tolerance=1e-4)
ESTIMATOR = _own(
    "ekiben-estimator", "ekiben, scikit-learn itself, micro-batches",
    launch=product.launch("key", _OWN_ESTIMATOR),
)  # fmt: skip
UNBATCHED = _own(
    "ekiben-estimator-unbatched", "ekiben, scikit-learn itself, one request at a time",
    launch=product.launch("key", _OWN_ESTIMATOR, batches=False),
)  # fmt: skip
OPEN = _asked_with("none", "no credential")
KEY = _asked_with("key", "API key")
TOKEN = _asked_with("token", "JSON web token (cached)")

MAIN = Matrix("matrix", ALL, chosen(()), (1, 256), (1, 16, 64))
SMALL = Matrix("matrix", QUICK, chosen(("iris", "cancer")), (1,), (1, 16))
FORMS = Matrix("forms", (PRODUCT, TENSOR, BINARY, QUICKSTART), chosen(("cancer",)), (256,), (1, 16))
UNCONVERTED = Matrix("unconverted", (ESTIMATOR, UNBATCHED), chosen(("iris",)), (1,), (1, 16, 64))
AUTHENTICATION = Matrix("authentication", (OPEN, KEY, TOKEN), chosen(("cancer",)), (1,), (1, 16))
FURTHER = (FORMS, UNCONVERTED, AUTHENTICATION)
