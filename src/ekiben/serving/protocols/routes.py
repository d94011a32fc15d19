"""All routes of a pod: the exact paths of one model and version, and what owns the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Dialect, Endpoint, Family, Group, Routes
from ekiben.serving.protocols import docs, inference, invocations, kserve, open_inference, openapi, signature
from ekiben.serving.protocols.predict import Predict
from ekiben.serving.protocols.refusals import ErrorObject
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature
from ekiben.serving.validation import Validator

Reply = Callable[[str], Answer]
_ERROR = ErrorObject().refuse


def endpoints(
    model: Served,
    validator: Validator,
    *,
    version: str,
    live: Reply,
    ready: Reply,
    most_explained_rows: int = 100,
) -> Routes:
    """Assemble all routes.

    Args:
        model: What is served.
        validator: Its validator.
        version: Of ekiben, for metadata.
        live: Answers `/livez`.
        ready: Answers `/readyz`; readiness in every other protocol follows its status.
        most_explained_rows: Most rows in one request to explain.
    """
    tensors = signature.of(model.schema)
    routes = [
        *_own(model, validator, live, ready),
        *_open_inference(model, tensors, validator, version, live, ready),
        *_kserve(model, validator, ready),
        *_invocations(model, validator, ready),
        *_explanations(model, most_explained_rows),
    ]
    pages = {path: (path, "GET") for path in ("/openapi.json", "/docs")}
    paths = {each.path: (each.template, each.methods[0]) for each in routes} | pages
    description = orjson.dumps(openapi.document(model, tensors, paths, version))
    contents = {"/openapi.json": Answer(200, description), "/docs": docs.answer(model, tensors, paths)}
    routes += [_told(path, path, "metadata", _always(content)) for path, content in contents.items()]
    return Routes(routes, (Family("/v1/", _ERROR), Family("/v2/", _ERROR)))


def _own(model: Served, validator: Validator, live: Reply, ready: Reply) -> Iterator[Endpoint]:
    predict = Predict(validator, {"name": model.name, "version": model.version})
    yield _asked("/predict", "/predict", predict)
    yield _told("/livez", "/livez", "probe", live)
    yield _told("/readyz", "/readyz", "probe", ready)


def _open_inference(
    model: Served, tensors: Signature, validator: Validator, version: str, live: Reply, ready: Reply
) -> Iterator[Endpoint]:
    yield _error("/v2", "/v2", "metadata", open_inference.server(version))
    yield _error("/v2/health/live", "/v2/health/live", "probe", open_inference.live(live))
    yield _error("/v2/health/ready", "/v2/health/ready", "probe", open_inference.ready(ready))
    infer = inference.Infer(model, tensors, validator)
    path, template = f"/v2/models/{model.name}", "/v2/models/{model}"
    for base, name in (
        (path, template),
        (f"{path}/versions/{model.version}", template + "/versions/{version}"),
    ):
        yield _error(base, name, "metadata", open_inference.model(model, tensors))
        yield _error(
            f"{base}/ready", f"{name}/ready", "metadata", open_inference.model_ready(model.name, ready)
        )
        yield _asked(f"{base}/infer", f"{name}/infer", infer)


def _kserve(model: Served, validator: Validator, ready: Reply) -> Iterator[Endpoint]:
    path, template = f"/v1/models/{model.name}", "/v1/models/{model}"
    yield _error("/v1/models", "/v1/models", "metadata", kserve.models(model.name))
    yield _error(path, template, "metadata", kserve.model(model.name, ready))
    yield _asked(f"{path}:predict", f"{template}:predict", kserve.Predict(validator))


def _invocations(model: Served, validator: Validator, ready: Reply) -> Iterator[Endpoint]:
    yield _asked("/invocations", "/invocations", invocations.Invocations(model.schema, validator))
    yield _told("/ping", "/ping", "probe", invocations.ping(ready))


def _explanations(model: Served, most_rows: int) -> Iterator[Endpoint]:
    """Routes that explain, where something explains: elsewhere they are no routes at all."""
    if model.explanation is None:
        return
    from ekiben.serving.protocols.explain import Explain, KServeExplain

    validator = Validator(model.schema, most_rows)
    named = {"name": model.name, "version": model.version}
    own = Explain(validator, named, model.explanation, model.schema)
    yield Endpoint("/explain", "/explain", ("POST",), "explain", refuse=own.refuse, explaining=own)
    kserves = KServeExplain(validator, model.explanation, model.schema)
    path, template = f"/v1/models/{model.name}:explain", "/v1/models/{model}:explain"
    yield Endpoint(path, template, ("POST",), "explain", refuse=kserves.refuse, explaining=kserves)


def _asked(path: str, template: str, dialect: Dialect) -> Endpoint:
    """A route that predicts."""
    return Endpoint(path, template, ("POST",), "predict", dialect=dialect, refuse=dialect.refuse)


def _told(path: str, template: str, group: Group, reply: Reply) -> Endpoint:
    """A route that is answered from memory."""
    return Endpoint(path, template, ("GET",), group, reply=reply)


def _error(path: str, template: str, group: Group, reply: Reply) -> Endpoint:
    """The same, refused as KServe's protocols do."""
    return Endpoint(path, template, ("GET",), group, reply=reply, refuse=_ERROR)


def _always(answer: Answer) -> Reply:
    return lambda _: answer
