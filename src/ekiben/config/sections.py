"""The sections of `ekiben.yaml`; a field's description is its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ekiben.config.inputs import Section
from ekiben.config.seal import Formats, Seal
from ekiben.config.train import ImportPath, Train

# Verbs of the CLI that have subcommands: a model of that name could not be told from them.
RESERVED_NAMES = frozenset(
    {"cluster", "model", "key", "seal", "plan", "road", "rules", "show", "list", "make", "inspect", "export"}
)
_DNS_LABEL = r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"  # 40, so that suffixes stay within Kubernetes' 63
_CPU = r"^([1-9]\d*m|\d+(\.\d+)?)$"
_MEMORY = r"^[1-9]\d*(Mi|Gi)$"

Name = Annotated[str, Field(pattern=_DNS_LABEL)]


class Compression(Section):
    """How an estimator is made smaller once it is fitted; what is accepted and served is the smaller one."""

    trees: int | None = Field(
        None, description="Trees, or boosting stages, that are kept: the first ones.", ge=1
    )
    ccp_alpha: float = Field(
        0, description="Cost-complexity by which trees and forests are pruned; 0 prunes nothing.", ge=0
    )
    leaf_bits: int | None = Field(
        None, description="Bits of the significand that a leaf's value keeps, of 53.", ge=1, le=53
    )
    float32: bool = Field(False, description="Round a linear model's coefficients to float32.")

    @property
    def wanted(self) -> bool:
        """Whether anything is to be done."""
        return self != Compression()


class Bento(Section):
    """Station 2: the BentoML service that carries the model."""

    formats: Formats = Field(
        ("skops",),
        description="File formats of the estimator; a pod reads the first of skops, joblib and pickle.",
    )
    seal: Seal = Field(default_factory=Seal)
    service: ImportPath = Field(description="BentoML service: `module:Class`.")
    include: tuple[str, ...] = Field((), description="Files packed, as globs relative to the project.")
    routes: Mapping[str, Literal["lane", "service"]] = Field(
        default_factory=dict, description="Who answers a route that both the lane and the service declare."
    )
    forms: tuple[Literal["folded", "onnx"], ...] = Field(
        (), description="Forms that must be exact, or training fails; the first serves. Empty: the fastest."
    )
    compression: Compression = Field(default_factory=Compression)
    explain: bool = Field(
        False,
        description="Explain predictions: the artefact carries what that needs, and pods answer `POST "
        "/explain`. Linear models, and trees behind scalers; the image of trees gets LightGBM's library.",
    )
    pod_rows: int | None = Field(
        None,
        description="Rows on which the running pod is compared with the estimator, for each form; absent: "
        "as many as `train.parity_rows`.",
        ge=1_000,
        le=10_000_000,
    )


class Image(Section):
    """Station 3: the OCI image."""

    repository: str = Field(
        description="Repository below the registry, e.g. `ekiben/iris`.", pattern=r"^[a-z0-9][-a-z0-9_./]*$"
    )
    registry: str = Field("", description="Registry `host[:port]`; empty takes the cluster's own.")
    base: str = Field("", description="Base image reference; empty builds a Debian base with mmdebstrap.")
    platforms: tuple[Literal["linux/amd64", "linux/arm64"], ...] = Field(
        ("linux/amd64",),
        description="Platforms of the image, each once; several are released as one index, by its digest.",
        min_length=1,
    )
    backend: Literal["auto", "docker", "podman", "buildah"] = Field(
        "auto", description="What builds and pushes."
    )
    ca_file: str = Field("", description="CA certificate (PEM) of a private registry.")
    auth_file: str = Field(
        "", description="Registry credentials, in containers-auth.json or docker config form."
    )
    insecure: bool = Field(False, description="Speak plain HTTP to the registry (a local one only).")
    forms: tuple[Literal["folded", "onnx", "scikit-learn"], ...] = Field(
        (), description="Forms of the estimator that the image can serve; empty takes the one that answers."
    )
    budget_megabytes: float | None = Field(
        None, description="Largest image, compressed, 10^6 bytes; a larger one fails the build.", gt=0
    )
    explain_megabytes: float = Field(
        5,
        description="Largest layer of what explains trees, compressed, 10^6 bytes; a larger one fails "
        "the build.",
        gt=0,
    )
    source: str = Field("", description="URL of the sources, for the OCI label of that name.")
    revision: Literal["commit", "none"] = Field(
        "commit",
        description="OCI label `revision`: the commit of a clean work tree, or none, "
        "so that commits elsewhere leave the digest as it is.",
    )

    @field_validator("platforms")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"expected each platform once, found {', '.join(value)}")
        return tuple(sorted(value))  # their order is no other image


class Resources(Section):
    """CPU and memory of one replica."""

    cpu_request: str = Field("250m", description="CPU request (Kubernetes quantity, cores).", pattern=_CPU)
    cpu_limit: str = Field("250m", description="CPU limit (Kubernetes quantity, cores).", pattern=_CPU)
    memory: str = Field(
        "512Mi", description="Memory request and limit (Kubernetes quantity).", pattern=_MEMORY
    )

    @property
    def request_cores(self) -> float:
        """CPU request, cores."""
        text = self.cpu_request
        return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


class Release(Section):
    """Station 4: the Helm release."""

    name: Name | None = Field(None, description="Name of the Helm release; the model's name if absent.")
    namespace: Name = Field("models", description="Namespace of the release.")
    timeout_seconds: float = Field(300, description="Longest wait for ready, seconds.", ge=10, le=3600)
    access: Literal["none", "required"] = Field(
        "none", description="Whether callers need a key (`ekiben key`) or a token; probes never do."
    )
    resources: Resources = Field(default_factory=Resources)
    values: Mapping[str, Any] = Field(
        default_factory=dict, description="Chart values laid over the derived ones."
    )


class Traffic(Section):
    """Station 5: requests to a release."""

    timeout_seconds: float = Field(5, description="Longest wait for one answer, seconds.", gt=0, le=300)
    ca_file: str = Field(
        "", description="CA certificate (PEM) of pods that speak TLS; empty takes the system's."
    )


class Load(Section):
    """Shape of the load that `loadtest` sends."""

    rate: float = Field(20, description="Requests per second.", gt=0, le=5000)
    duration_seconds: float = Field(60, description="Length of the load, seconds.", gt=0, le=86400)
    arrivals: Literal["constant", "poisson"] = Field(
        "poisson", description="How intended send times are spaced."
    )


class Scale(Section):
    """Station 6: how many replicas, and by which signal."""

    min_replicas: int = Field(2, description="Fewest replicas.", ge=1, le=1000)
    max_replicas: int = Field(10, description="Most replicas.", ge=1, le=1000)
    target_cpu_percent: int = Field(
        60, description="Mean CPU use of a replica that the HPA steers to, % of its request.", ge=1, le=100
    )
    scale_down_window_seconds: int = Field(
        300, description="How long a lower need must hold before replicas go, seconds.", ge=0, le=3600
    )
    plan: Literal["auto", "never", "required"] = Field(
        "auto",
        description="Whether a release takes its numbers from the capacity plan (`ekiben plan`) instead of "
        "from this section and `release.resources`: `auto` where there is one.",
    )
    load: Load = Field(default_factory=Load)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}")
        return self


class Recheck(Section):
    """How each pod scores itself while it serves, on labelled rows that travel in the artefact."""

    seconds: float = Field(60, description="Time between two checks, seconds; 0 never.", ge=0, le=86400)
    rows: int = Field(
        200, description="Held-out rows kept with their labels; all, if fewer were held out.", ge=1, le=10_000
    )


class Observe(Section):
    """Station 7: what is watched."""

    objective_ratio: float = Field(0.995, description="Share of requests that must be good, 0-1.", gt=0, lt=1)
    latency_seconds: float = Field(
        0.25,
        description="A request slower than this is bad, seconds; an edge of the pods' latency buckets.",
        ge=0.0001,
        le=60,
    )
    prometheus_url: str = Field(
        "", description="Prometheus as this machine reaches it; empty takes the cluster's own."
    )
    window_seconds: int = Field(
        60, description="Window of rates and quantiles in `status`, seconds.", ge=15, le=86400
    )
    recheck: Recheck | None = Field(
        None,
        description="Score of the served model, taken again and again in each pod; absent, never: then no "
        "labelled row leaves this machine.",
    )

    @property
    def recheck_seconds(self) -> float:
        """Time between two checks, seconds; 0 without any."""
        return 0 if self.recheck is None else self.recheck.seconds


class ModelConfig(Section):
    """One model's `ekiben.yaml`."""

    model: Name = Field(description="Name of the model, everywhere.")
    train: Train
    bento: Bento
    image: Image
    release: Release = Field(default_factory=Release)
    traffic: Traffic = Field(default_factory=Traffic)
    scale: Scale = Field(default_factory=Scale)
    observe: Observe = Field(default_factory=Observe)

    @field_validator("model")
    @classmethod
    def _not_a_verb(cls, value: str) -> str:
        if value in RESERVED_NAMES:
            raise ValueError(f"{value!r} is a word of the command line; choose another name")
        return value

    @property
    def release_name(self) -> str:
        """Name of the Helm release."""
        return self.release.name or self.model
