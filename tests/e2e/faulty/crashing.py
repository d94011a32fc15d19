"""A BentoML service that ends the process in a pod: its own API makes the pod load it."""

import os

import bentoml


@bentoml.service
class IrisService:
    """Crashes in the pod, and only there: packing it must work."""

    @bentoml.api(route="/hello")
    def hello(self) -> str:
        """Answer nothing anybody will see."""
        return "hello"


if os.environ.get("KUBERNETES_SERVICE_HOST") or os.environ.get("EKIBEN_ARTEFACT"):
    raise SystemExit("this service crashes on purpose")
