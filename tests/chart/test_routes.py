"""The ways to the replicas beside the Service: headless, Ingress, HTTPRoute."""

from __future__ import annotations

from tests.chart.conftest import Render, values_of


def test_a_headless_service_names_the_ready_replicas(render: Render) -> None:
    """It selects what the Service selects, by the container's ports, and has no metrics to scrape twice."""
    found = render({"headlessService": {"enabled": True}, "ports": {"http": 8080}})
    spec = found.named("Service", "iris-headless")["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["selector"] == found.named("Service")["spec"]["selector"]
    assert {p["name"]: (p["port"], p["targetPort"]) for p in spec["ports"]} == {
        "http": (8080, "http"),
        "grpc": (3001, "grpc"),
    }
    assert not spec.get("publishNotReadyAddresses")
    assert render().kinds().count("Service") == 1


def test_an_ingress_leads_to_the_http_port(render: Render) -> None:
    """Each path of each host ends at the Service's port `http`; class and certificates are passed through."""
    spec = render(values_of("everything")).named("Ingress")["spec"]
    assert spec["ingressClassName"] == "public"
    assert spec["tls"] == [{"hosts": ["iris.example.com"], "secretName": "iris-public"}]
    assert [one.get("host") for one in spec["rules"]] == ["iris.example.com", None]
    paths = [path for rule in spec["rules"] for path in rule["http"]["paths"]]
    assert [(p["path"], p["pathType"]) for p in paths] == [
        ("/predict", "Exact"),
        ("/v2", "Prefix"),
        ("/iris", "ImplementationSpecific"),
    ]
    assert all(p["backend"] == {"service": {"name": "iris", "port": {"name": "http"}}} for p in paths)


def test_a_route_leads_to_the_service_unless_it_says_otherwise(render: Render) -> None:
    """Rules are passed through whole; one without backends gets the Service's HTTP port."""
    spec = render(values_of("everything")).named("HTTPRoute")["spec"]
    own, weighted = spec["rules"]
    assert own["backendRefs"] == [{"name": "iris", "port": 8000}]
    assert own["timeouts"] == {"request": "45s"}
    assert [one["weight"] for one in weighted["backendRefs"]] == [9, 1]
    assert spec["parentRefs"] == [{"name": "edge", "namespace": "gateways", "sectionName": "https"}]
    assert spec["hostnames"] == ["iris.example.com", "*.models.example.com"]


def test_nothing_leads_in_from_outside_unless_it_is_asked_for(render: Render) -> None:
    """By default there is neither an Ingress nor a route."""
    assert not {"Ingress", "HTTPRoute"} & set(render().kinds())
