"""Who answers a route that both the lane and the service declare."""

from __future__ import annotations

import json

import pytest

from ekiben.bento import routes
from ekiben.errors import ConfigError


def test_routes_of_its_own_are_the_services() -> None:
    """What the lane does not answer needs no decision."""
    assert routes.custom(["/rank", "/explain"], {}) == ["/explain", "/rank"]


@pytest.mark.parametrize(
    "route",
    [
        "/predict", "/invocations", "/ping", "/v1/models/iris:predict", "/v2", "/v2/health/live", "/livez",
        "/readyz", "/docs", "/openapi.json",
    ],
)  # fmt: skip
def test_a_collision_is_refused_with_what_to_write(route: str) -> None:
    """Each route of the lane that the service declares too must be decided."""
    with pytest.raises(ConfigError, match=route) as found:
        routes.custom([route], {})
    assert f"{route}: lane" in found.value.remedy


def test_a_decided_collision_goes_to_the_winner() -> None:
    """`lane` takes the route from the service, `service` keeps it."""
    assert routes.custom(["/predict", "/rank"], {"/predict": "lane"}) == ["/rank"]
    assert routes.custom(["/predict"], {"/predict": "service"}) == ["/predict"]


def test_a_decision_about_a_route_of_the_lane_alone_is_no_error() -> None:
    """The service may have dropped its route since."""
    assert routes.custom(["/rank"], {"/predict": "lane"}) == ["/rank"]


def test_a_misspelt_decision_is_refused() -> None:
    """A route that neither side has is a typo."""
    with pytest.raises(ConfigError, match="/predct"):
        routes.custom(["/rank"], {"/predct": "lane"})


@pytest.mark.parametrize("route", ["/livez", "/readyz"])
def test_probes_cannot_be_given_away(route: str) -> None:
    """Kubernetes asks the pod, not the service."""
    with pytest.raises(ConfigError, match=route):
        routes.custom([route], {route: "service"})


def test_a_parameter_in_the_path_is_refused() -> None:
    """The pod admits exact paths only."""
    with pytest.raises(ConfigError, match=r"/items/\{name\}"):
        routes.custom(["/items/{name}"], {})


def test_names_that_only_look_alike_do_not_collide() -> None:
    """`/v1` without more, `/predictor` and `/v2x` are the service's."""
    assert routes.custom(["/predictor", "/v2x", "/v1"], {}) == ["/predictor", "/v1", "/v2x"]


def test_the_file_lists_the_services_routes() -> None:
    """The pod reads the key `custom`."""
    assert json.loads(routes.document(["/b", "/a"])) == {"custom": ["/a", "/b"]}
