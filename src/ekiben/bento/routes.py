"""Who answers a route that both the lane and the BentoML service declare. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal

from ekiben.errors import ConfigError

_LANE = frozenset({"/predict", "/invocations", "/ping", "/v2", "/livez", "/readyz", "/docs", "/openapi.json"})
_LANE_BELOW = ("/v1/", "/v2/")
_EXPLAIN = "/explain"  # the lane's only where predictions are explained
_PROBES = frozenset({"/livez", "/readyz"})  # the kubelet asks them about the pod, not about the service

Winner = Literal["lane", "service"]


def is_lane(route: str, *, explain: bool = False) -> bool:
    """Whether the lane answers this route unless it is given away.

    Args:
        route: Path.
        explain: Whether predictions are explained (`bento.explain`).
    """
    return route in _LANE or route.startswith(_LANE_BELOW) or (explain and route == _EXPLAIN)


def custom(declared: Iterable[str], winners: Mapping[str, Winner], *, explain: bool = False) -> list[str]:
    """Routes that the service answers itself, in the pod.

    Args:
        declared: Routes of the service.
        winners: `bento.routes` of `ekiben.yaml`.
        explain: Whether predictions are explained (`bento.explain`).

    Raises:
        ConfigError: A collision that nobody decided, or a decision that cannot be.
    """
    routes = sorted(set(declared))
    _check(routes, winners, explain=explain)
    lane = [route for route in routes if is_lane(route, explain=explain)]
    undecided = [route for route in lane if route not in winners]
    if undecided:
        lines = ", ".join(f"{route}: lane" for route in undecided)
        raise ConfigError(
            f"the service and ekiben's lane both answer {', '.join(undecided)}: "
            "expected bento.routes in ekiben.yaml to say who wins, found nothing",
            remedy=f"add `routes: {{{lines}}}` below `bento:` (or `service`), or rename the service's route",
        )
    return [route for route in routes if winners.get(route, "service") == "service"]


def _check(routes: list[str], winners: Mapping[str, Winner], *, explain: bool) -> None:
    unknown = sorted(
        route for route in winners if route not in routes and not is_lane(route, explain=explain)
    )
    if unknown:
        raise ConfigError(
            f"bento.routes names {', '.join(unknown)}: expected a route of the service or of the lane; "
            f"the service has {', '.join(routes) or 'none'}",
            remedy="correct the route in ekiben.yaml",
        )
    probes = sorted(route for route in _PROBES if winners.get(route) == "service")
    if probes:
        raise ConfigError(
            f"bento.routes gives {', '.join(probes)} to the service: expected `lane`, "
            "since Kubernetes asks there whether the pod lives and is ready",
            remedy="rename the service's route",
        )
    patterns = [route for route in routes if "{" in route and winners.get(route) != "lane"]
    if patterns:
        raise ConfigError(
            f"the service declares {', '.join(patterns)}: expected routes without parameters in the path",
            remedy="take the parameter from the body or the query string",
        )


def document(routes: Iterable[str]) -> bytes:
    """Content of `ekiben-routes.json`, which the pod reads."""
    return (json.dumps({"custom": sorted(routes)}, sort_keys=True) + "\n").encode()
