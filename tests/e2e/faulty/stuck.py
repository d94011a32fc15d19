"""A BentoML service that never finishes starting in a pod."""

import os
import time

import bentoml


@bentoml.service
class IrisService:
    """Hangs in the pod, and only there: packing it must work."""

    @bentoml.api(route="/hello")
    def hello(self) -> str:
        """Answer nothing anybody will see."""
        return "hello"


if os.environ.get("KUBERNETES_SERVICE_HOST") or os.environ.get("EKIBEN_ARTEFACT"):
    time.sleep(3600)
