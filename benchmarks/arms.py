"""What is compared: the product and its peers, each with how it is started and asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks import forms, product
from benchmarks.credentials import Credential
from benchmarks.forms import Form
from benchmarks.models import ESTIMATOR, ONNX
from benchmarks.place import Launch, Place
from ekiben.clients import command

PROGRAMS = Path(__file__).with_name("programs")
Engine = Literal["own", "scikit-learn", "onnxruntime", "none"]
_ONNX_TOLERANCE = 1e-4  # relative; these peers compute in float32


@dataclass(frozen=True, slots=True)
class Arm:
    """One server as it is measured.

    Attributes:
        name: In results.
        title: In the report.
        environment: Name of its environment.
        engine: What computes.
        form: How it is asked.
        launch: How it is started at a place.
        ready: Path that answers 200 when it can predict; empty if it has none.
        tolerance: How far a predicted number may be off scikit-learn's, relative.
        pausable: Whether it lives on when it was stopped (SIGSTOP) for minutes.
        credential: What it is asked with.
        settings: What differs from its defaults, for the report.
    """

    name: str
    title: str
    environment: str
    engine: Engine
    form: Form
    launch: Callable[[Place], Launch]
    ready: str = "/readyz"
    tolerance: float = 1e-9
    pausable: bool = True
    credential: Credential = "none"
    settings: str = field(default="", compare=False)


def _program(name: str, *arguments: str) -> Callable[[Place], Launch]:
    """Start a program of ours in the peer's environment."""

    def launch(place: Place) -> Launch:
        return Launch((str(place.python), str(PROGRAMS / name), *arguments), variables(place))

    return launch


def variables(place: Place) -> dict[str, str]:
    """What the programs are told."""
    return {
        "BENCH_PORT": str(place.port),
        "BENCH_SCRATCH": str(place.scratch),
        "BENCH_ESTIMATOR": str(place.model.folder / ESTIMATOR),
        "BENCH_ONNX": str(place.model.folder / ONNX),
    }


def _bentoml(service: str) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        argv = (
            str(place.python), "-m", "bentoml", "serve", service, "--working-dir", str(PROGRAMS),
            "--host", "127.0.0.1", "--port", str(place.port),
        )  # fmt: skip
        home = {"BENTOML_HOME": str(place.scratch / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
        return Launch(argv, {**variables(place), **home})

    return launch


def _flask(place: Place) -> Launch:
    bind = f"127.0.0.1:{place.port}"
    argv = (str(place.python), "-m", "gunicorn", "--chdir", str(PROGRAMS), "--bind", bind, "flask_server:app")
    return Launch(argv, variables(place))


def _mlserver(place: Place) -> Launch:
    """Write the two files of settings that MLServer reads."""
    settings = {
        "host": "127.0.0.1",
        "http_port": place.port,
        "grpc_port": place.port + 1,
        "metrics_port": place.port + 2,
        "parallel_workers": 0,
    }
    model = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(place.model.folder / ESTIMATOR)},
    }
    for name, document in (("settings", settings), ("model-settings", model)):
        (place.scratch / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return Launch((str(place.python.with_name("mlserver")), "start", str(place.scratch)), variables(place))


def _mlflow(place: Place) -> Launch:
    """Save the estimator as MLflow does."""
    folder = place.scratch / "model"
    told = variables(place)
    command.run([str(place.python), str(PROGRAMS / "mlflow_model.py"), str(folder)], env=told, show=False)
    argv = (
        str(place.python), "-m", "mlflow", "models", "serve", "--model-uri", str(folder),
        "--env-manager", "local", "--host", "127.0.0.1", "--port", str(place.port),
    )  # fmt: skip
    return Launch(argv, told)


PRODUCT = Arm(
    "ekiben", "ekiben", "pod", "own", forms.instances("/predict"), product.launch("key"), credential="key",
    settings="as the chart starts it, an API key checked",
)  # fmt: skip
QUICKSTART = Arm(
    "bentoml-quickstart", "BentoML, quickstart", "bentoml", "scikit-learn",
    forms.argument("/predict", "rows"), _bentoml("bentoml_quickstart:Quickstart"),
)  # fmt: skip
ONNXRUNTIME = Arm(
    "uvicorn-onnxruntime", "uvicorn + ONNX Runtime, bare", "pod", "onnxruntime",
    forms.instances("/predict"), _program("bare.py", "onnx"), ready="", tolerance=_ONNX_TOLERANCE,
    settings="raw ASGI, orjson, uvloop, httptools, no access log; labels only",
)  # fmt: skip
ECHO = Arm(
    "uvicorn-echo", "uvicorn echo (floor)", "pod", "none", forms.echoed("/predict"),
    _program("bare.py", "echo"), ready="",
    settings="raw ASGI, uvloop, httptools, no access log; computes nothing",
)  # fmt: skip
PEERS = (
    QUICKSTART,
    Arm(
        "bentoml-tuned", "BentoML, API tuned", "bentoml-tuned", "onnxruntime",
        forms.argument("/predict", "rows"), _bentoml("bentoml_tuned:Tuned"), tolerance=_ONNX_TOLERANCE,
        settings="uvloop, httptools, asynchronous, content type declared, no access log, route not traced, "
        "time-out 5 s, garbage collector frozen",
    ),
    Arm(
        "bentoml-middleware", "BentoML, ASGI middleware", "bentoml-tuned", "onnxruntime",
        forms.argument("/predict", "rows"), _bentoml("bentoml_tuned:Middleware"), tolerance=_ONNX_TOLERANCE,
        settings="the same, and the answer given by `add_asgi_middleware` with orjson",
    ),
    Arm(
        "fastapi", "FastAPI", "fastapi", "scikit-learn", forms.instances("/predict"),
        _program("fastapi_server.py"), settings="uvloop, httptools, no access log",
    ),
    Arm(
        "flask", "Flask + gunicorn", "flask", "scikit-learn", forms.instances("/predict"), _flask,
        settings="one sync worker, which closes each connection",
    ),
    Arm(
        "mlserver", "MLServer", "mlserver", "scikit-learn", forms.tensor("/v2/models/model/infer"),
        _mlserver, ready="/v2/models/model/ready", settings="no parallel workers",
    ),
    Arm(
        "kserve", "KServe", "kserve", "scikit-learn", forms.instances("/v1/models/model:predict"),
        _program("kserve_server.py"), ready="/v2/models/model/ready", settings="version 1 of the protocol",
    ),
    Arm(
        "litserve", "LitServe", "litserve", "scikit-learn", forms.instances("/predict"),
        _program("litserve_server.py"), ready="/health",
    ),
    Arm(
        "mlflow", "MLflow", "mlflow", "scikit-learn", forms.mlflow("/invocations"), _mlflow, ready="/ping",
    ),
    Arm(
        "ray-serve", "Ray Serve", "ray", "scikit-learn", forms.instances("/"), _program("ray_server.py"),
        ready="/", pausable=False, settings="one replica",
    ),
)  # fmt: skip
ALL = (PRODUCT, *PEERS, ONNXRUNTIME, ECHO)
QUICK = (PRODUCT, QUICKSTART, ONNXRUNTIME, ECHO)
