from __future__ import annotations

import orjson
from tests.unit.serving.protocols.pod import NAME, VERSION, Pod

from ekiben.serving import spans
from ekiben.serving.problem import RefusedError

MODEL = f"/v2/models/{NAME}"
ALL = {
    "/predict": ("/predict", "POST", "predict"),
    "/livez": ("/livez", "GET", "probe"),
    "/readyz": ("/readyz", "GET", "probe"),
    "/openapi.json": ("/openapi.json", "GET", "metadata"),
    "/docs": ("/docs", "GET", "metadata"),
    "/v1/models": ("/v1/models", "GET", "metadata"),
    f"/v1/models/{NAME}": ("/v1/models/{model}", "GET", "metadata"),
    f"/v1/models/{NAME}:predict": ("/v1/models/{model}:predict", "POST", "predict"),
    "/v2": ("/v2", "GET", "metadata"),
    "/v2/health/live": ("/v2/health/live", "GET", "probe"),
    "/v2/health/ready": ("/v2/health/ready", "GET", "probe"),
    MODEL: ("/v2/models/{model}", "GET", "metadata"),
    f"{MODEL}/ready": ("/v2/models/{model}/ready", "GET", "metadata"),
    f"{MODEL}/infer": ("/v2/models/{model}/infer", "POST", "predict"),
    f"{MODEL}/versions/{VERSION}": ("/v2/models/{model}/versions/{version}", "GET", "metadata"),
    f"{MODEL}/versions/{VERSION}/ready": ("/v2/models/{model}/versions/{version}/ready", "GET", "metadata"),
    f"{MODEL}/versions/{VERSION}/infer": ("/v2/models/{model}/versions/{version}/infer", "POST", "predict"),
    "/invocations": ("/invocations", "POST", "predict"),
    "/ping": ("/ping", "GET", "probe"),
}


def test_every_route(flowers: Pod) -> None:
    """Paths have the model's names, templates do not; each has its method and its group."""
    routes = flowers.routes
    found = {path: (each.template, *each.methods, each.group) for path, each in routes.by_path.items()}
    assert found == ALL
    for each in routes.by_path.values():
        assert (each.dialect is None) != (each.reply is None)
        assert (each.dialect is not None) == (each.group == "predict")


def test_the_routes_of_probes_are_known_to_the_spans(flowers: Pod) -> None:
    """A probe that is added to the routes must be left out of the traces too."""
    probes = {each.template for each in flowers.routes.by_path.values() if each.group == "probe"}
    assert {route for route in spans.PROBES if route.count(".") == 0} == probes


def test_refusals_in_the_words_of_each_protocol(flowers: Pod) -> None:
    """What admission refuses on a route, and what no route is, is written as its protocol writes it."""
    error = RefusedError(401, "unauthenticated", "who are you")
    words = {"/v1": {"error"}, "/v2": {"error"}, "/in": {"error_code", "message"}}
    for path, each in flowers.routes.by_path.items():
        members = words.get(path[:3], {"type", "title", "status", "detail", "reason", "id"})
        assert set(orjson.loads(each.refuse(error, "id-1").body)) == members
    for path, expected in (("/v1/x", "error"), ("/v2/x", "error"), ("/v3/x", "detail"), ("/", "detail")):
        assert expected in orjson.loads(flowers.routes.refuse(path)(error, "id-1").body)


def test_the_pods_own_probes_are_the_callers(flowers: Pod) -> None:
    """`/readyz` answers what the caller passed in."""
    assert flowers.get("/readyz") is flowers.ready


def test_the_pods_own_protocol(flowers: Pod) -> None:
    """`/predict` is there with the model's name and version."""
    answer = flowers.post("/predict", {"instances": flowers.rows[:2].tolist()})
    assert answer["model"] == {"name": NAME, "version": VERSION}
    assert answer["predictions"] == flowers.estimator.predict(flowers.rows[:2]).tolist()
