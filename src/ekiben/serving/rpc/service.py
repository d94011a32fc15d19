"""The methods of `inference.GRPCInferenceService`, each with the leave that it needs.

What they say of the model is the same as the REST half says.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md
"""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.serving.exchange import Dialect
from ekiben.serving.protocols import open_inference
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature
from ekiben.serving.rpc.calls import Method
from ekiben.serving.rpc.contract import Life
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.rpc.infer import known
from ekiben.serving.rpc.messages import decoded, encoded

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name


@dataclass(frozen=True, slots=True)
class Service:
    """What there is to say about one model.

    Args:
        model: What is served.
        signature: Its tensors.
        life: Readiness.
        version: Of ekiben.
    """

    model: Served
    signature: Signature
    life: Life
    version: str

    def methods(self, infer: Dialect) -> dict[str, Method]:
        """All methods by name.

        Args:
            infer: The dialect of `ModelInfer`.
        """
        return {
            "ServerLive": Method(_path("ServerLive"), "probe", reply=self.server_live),
            "ServerReady": Method(_path("ServerReady"), "probe", reply=self.server_ready),
            "ModelReady": Method(_path("ModelReady"), "metadata", reply=self.model_ready),
            "ServerMetadata": Method(_path("ServerMetadata"), "metadata", reply=self.server_metadata),
            "ModelMetadata": Method(_path("ModelMetadata"), "metadata", reply=self.model_metadata),
            "ModelInfer": Method(_path("ModelInfer"), "predict", dialect=infer),
        }

    def server_live(self, body: bytes) -> bytes:
        """`ServerLive`: a server that answers is live."""
        decoded(pb.ServerLiveRequest.FromString, body)
        return encoded(pb.ServerLiveResponse(live=True))

    def server_ready(self, body: bytes) -> bytes:
        """`ServerReady`: as `/readyz`."""
        decoded(pb.ServerReadyRequest.FromString, body)
        return encoded(pb.ServerReadyResponse(ready=self.life.ready))

    def model_ready(self, body: bytes) -> bytes:
        """`ModelReady`: the pod is ready when its one model is."""
        request = decoded(pb.ModelReadyRequest.FromString, body)
        known(request.name, request.version, self.model)
        return encoded(pb.ModelReadyResponse(ready=self.life.ready))

    def server_metadata(self, body: bytes) -> bytes:
        """`ServerMetadata`: without extensions, which are REST's."""
        decoded(pb.ServerMetadataRequest.FromString, body)
        found = pb.ServerMetadataResponse(name=open_inference.SERVER, version=self.version)
        return encoded(found)

    def model_metadata(self, body: bytes) -> bytes:
        """`ModelMetadata`, from `schema.json`."""
        request = decoded(pb.ModelMetadataRequest.FromString, body)
        known(request.name, request.version, self.model)
        document = open_inference.metadata(self.model, self.signature)
        return encoded(pb.ModelMetadataResponse(**document))


def _path(method: str) -> str:
    return f"/{SERVICE}/{method}"
