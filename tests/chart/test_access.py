"""Who may call, TLS, and the server's own settings, as the chart hands them to the pods."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.chart.conftest import CHART, IMAGE, SERVICE_MONITOR, Render, Rendered, values_of

from ekiben.clients import command
from ekiben.serving import metrics
from ekiben.serving.access import policy
from ekiben.serving.settings import Settings

REQUIRED: dict[str, Any] = {"access": {"mode": "required"}}
TLS: dict[str, Any] = {"tls": {"enabled": True, "secretName": "iris-tls"}}
RULE = {"subjects": ["system:serviceaccount:web:*"], "groups": ["predict"]}
ISSUER = {"issuer": "https://i", "audiences": ["iris"], "allow": [RULE], "jwks": {"configMapName": "keys"}}


def issuing(*issuers: Mapping[str, Any], mode: str = "required") -> dict[str, Any]:
    return {"access": {"mode": mode, "tokens": {"issuers": list(issuers)}}}


def environment(found: Rendered) -> dict[str, str]:
    return {one["name"]: one["value"] for one in found.container["env"]}


def volume(pod: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [one for one in pod["spec"]["volumes"] if one["name"] == name]
    assert len(found) == 1
    return found[0]


def mounts(container: Mapping[str, Any]) -> dict[str, str]:
    """Folders by volume; all but /tmp must be read-only."""
    assert all(one.get("readOnly") for one in container["volumeMounts"] if one["name"] != "tmp")
    return {one["name"]: one["mountPath"] for one in container["volumeMounts"]}


def test_access_is_none_unless_it_is_asked_for(render: Render) -> None:
    """Nothing is mounted, no policy is made, and the pods are told so."""
    found = render()
    assert environment(found)["EKIBEN_ACCESS"] == "none"
    assert set(mounts(found.container)) == {"tmp"}
    assert "ConfigMap" not in found.kinds()


def test_keys_are_mounted_from_a_secret_that_may_come_later(render: Render) -> None:
    """The hashes alone, readable by the pod's group; pods start without the Secret."""
    found = render(REQUIRED)
    told = environment(found)
    assert told["EKIBEN_ACCESS"] == "required"
    assert mounts(found.container)["access"] == told["EKIBEN_ACCESS_DIR"]
    projected = volume(found.pod, "access")["projected"]
    items = [{"key": "keys.json", "path": "keys.json"}]
    assert projected["sources"] == [{"secret": {"name": "iris-keys", "optional": True, "items": items}}]
    assert projected["defaultMode"] == 0o440
    assert "ConfigMap" not in found.kinds()


def test_the_pod_of_helm_test_has_a_key_and_no_private_one(render: Render) -> None:
    """It reads the release's own key, and of the TLS Secret the certificates only."""
    pod = render({**REQUIRED, **TLS}).named("Pod", "iris-test")
    [container] = pod["spec"]["containers"]
    told, places = {one["name"]: one["value"] for one in container["env"]}, mounts(container)
    assert told["KEY_FILE"] == f"{places['verify']}/key"
    assert told["TLS_DIR"] == places["tls"]
    assert told["URL"] == "https://iris.models.svc:80"
    secret = volume(pod, "verify")["secret"]
    assert (secret["secretName"], secret["optional"]) == ("iris-verify", True)
    sources = [one["secret"] for one in volume(pod, "tls")["projected"]["sources"]]
    assert [(one.get("optional", False), [i["key"] for i in one["items"]]) for one in sources] == [
        (False, ["tls.crt"]),
        (True, ["ca.crt"]),
    ]


def test_a_policy_is_what_the_pods_read(render: Render) -> None:
    """Each issuer with its own set of keys: a file that is mounted, or an address."""
    other = {**ISSUER, "issuer": "https://j", "jwks": {"url": "https://j/k"}, "algorithms": ["ES384"]}
    found = render(issuing(ISSUER, other))
    written = found.named("ConfigMap", "iris-access")["data"]["policy.json"]
    common = {"audiences": ["iris"], "allow": [RULE]}
    assert json.loads(written) == {
        "format": 1,
        "leeway_seconds": 30,
        "issuers": [
            {"issuer": "https://i", **common, "jwks_file": "jwks-0.json"},
            {"issuer": "https://j", **common, "jwks_url": "https://j/k", "algorithms": ["ES384"]},
        ],
    }
    parsed = policy.parse(written.encode())
    assert parsed.issuers[0].groups_of("system:serviceaccount:web:shop") == {"predict"}
    sources = volume(found.pod, "access")["projected"]["sources"][1:]
    assert [(one["configMap"]["name"], one["configMap"]["items"][0]["path"]) for one in sources] == [
        ("iris-access", "policy.json"),
        ("keys", "jwks-0.json"),
    ]


def test_every_policy_that_the_schema_allows_is_read_by_the_pods(render: Render) -> None:
    """The example with every value is no exception."""
    found = render(values_of("everything"), api_versions=(SERVICE_MONITOR,))
    parsed = policy.parse(found.named("ConfigMap", "iris-access")["data"]["policy.json"].encode())
    assert [each.name for each in parsed.issuers] == [
        "https://kubernetes.default.svc.cluster.local",
        "https://login.example.com",
    ]
    assert parsed.leeway_seconds == 10


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"access": {"mode": "off"}}, "mode"),
        (issuing(ISSUER, mode="none"), "access.mode required"),
        (issuing({**ISSUER, "algorithms": ["HS256"]}), "algorithms"),
        (issuing({**ISSUER, "algorithms": ["none"]}), "algorithms"),
        (issuing({**ISSUER, "jwks": {}}), "jwks"),
        (issuing({**ISSUER, "jwks": {"configMapName": "a", "url": "https://a/"}}), "jwks"),
        (issuing({**ISSUER, "jwks": {"url": "http://a/"}}), "url"),
        (issuing({**ISSUER, "allow": [{**RULE, "groups": ["probe"]}]}), "groups"),
        (issuing({**ISSUER, "audiences": []}), "audiences"),
        (issuing({**ISSUER, "audience": "iris"}), "audience"),
        ({"tls": {"enabled": True}}, "tls.secretName"),
        ({"server": {"predictor": "fast"}}, "predictor"),
        ({"server": {"mostConnections": 0}}, "mostConnections"),
        ({"server": {"logSampleRatio": 1.5}}, "logSampleRatio"),
        ({"server": {"objectiveSeconds": [0]}}, "objectiveSeconds"),
        ({"server": {"objectiveSeconds": [0.1, 0.1]}}, "objectiveSeconds"),
        ({"server": {"objectiveSeconds": 0.1}}, "objectiveSeconds"),
        ({"env": {"EKIBEN_ACCESS": "none"}}, "EKIBEN_ACCESS"),
        ({"env": {"EKIBEN_OBJECTIVE_SECONDS": "1"}}, "EKIBEN_OBJECTIVE_SECONDS"),
        ({"server": {"recheckSeconds": -1}}, "recheckSeconds"),
        ({"env": {"EKIBEN_RECHECK_SECONDS": "1"}}, "EKIBEN_RECHECK_SECONDS"),
        ({"env": {"EKIBEN_TLS_KEY": "x"}}, "EKIBEN_TLS_KEY"),
    ],
)
def test_what_would_open_or_break_access_is_refused(
    refusal: Callable[[Mapping[str, Any]], str], values: dict[str, Any], says: str
) -> None:
    """By name, before the cluster is touched."""
    assert says in refusal(values)


def test_tls_is_spoken_on_every_port(render: Render) -> None:
    """The pods get the pair; probes, Service, Prometheus and its operator are told."""
    found = render({**TLS, "serviceMonitor": {"enabled": True}}, api_versions=(SERVICE_MONITOR,))
    told, place = environment(found), mounts(found.container)["tls"]
    assert (told["EKIBEN_TLS_CERTIFICATE"], told["EKIBEN_TLS_KEY"]) == (
        f"{place}/tls.crt",
        f"{place}/tls.key",
    )
    assert volume(found.pod, "tls")["secret"]["secretName"] == "iris-tls"
    kinds = ("startup", "readiness", "liveness")
    assert {found.container[f"{kind}Probe"]["httpGet"]["scheme"] for kind in kinds} == {"HTTPS"}
    assert {one["appProtocol"] for one in found.named("Service")["spec"]["ports"]} == {"https"}
    [endpoint] = found.named("ServiceMonitor")["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]) == ("https", {"serverName": "iris.models.svc"})
    assert render(TLS).pod["metadata"]["annotations"]["prometheus.io/scheme"] == "https"


def test_without_tls_nothing_says_https(render: Render) -> None:
    """Probes keep Kubernetes' default, the Service says HTTP and cleartext HTTP/2."""
    found = render()
    assert "scheme" not in found.container["readinessProbe"]["httpGet"]
    assert [one["appProtocol"] for one in found.named("Service")["spec"]["ports"]] == [
        "http",
        "kubernetes.io/h2c",
        "http",
    ]
    assert "EKIBEN_TLS_CERTIFICATE" not in environment(found)


def test_a_probe_that_is_none_of_http_is_left_alone(render: Render) -> None:
    """Probes are passed through whole; a scheme that was given stays."""
    given = {
        "livenessProbe": {"httpGet": None, "tcpSocket": {"port": "http"}},
        "startupProbe": {"httpGet": {"path": "/readyz", "port": "metrics", "scheme": "HTTP"}},
    }
    container = render({**TLS, **given}).container
    assert container["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert "httpGet" not in container["livenessProbe"]
    assert container["startupProbe"]["httpGet"]["scheme"] == "HTTP"


def test_grpc_may_be_left_out(render: Render) -> None:
    """Then no port of it is open anywhere."""
    found = render({"server": {"grpc": False}})
    assert environment(found)["EKIBEN_GRPC"] == "false"
    assert "grpc" not in json.dumps([found.container["ports"], found.named("Service")])
    ingress = found.named("NetworkPolicy")["spec"]["ingress"]
    assert [[port["port"] for port in rule["ports"]] for rule in ingress] == [["http"], ["metrics"]]


def test_the_charts_defaults_are_the_pods_own(render: Render) -> None:
    """Read by the pod, the default variables change nothing but the age of connections.

    A Service balances connections: kept ones end sooner, so that replicas that come get their share.
    """
    found = Settings.read({**environment(render()), "EKIBEN_ARTEFACT": "/model"})
    assert found == Settings(Path("/model"), connection_seconds=30)


def test_settings_reach_the_pods(render: Render) -> None:
    """Whole numbers stay whole however large, fractions stay fractions."""
    server = {"mostBodyBytes": 1 << 30, "mostRows": 10_000_000, "ratePerCaller": 0.5, "headerSeconds": 2.5}
    server["recheckSeconds"] = 0.25
    found = Settings.read({**environment(render({"server": server})), "EKIBEN_ARTEFACT": "/model"})
    assert (found.most_body_bytes, found.most_rows) == (1 << 30, 10_000_000)
    assert (found.rate_per_caller, found.header_seconds, found.recheck_seconds) == (0.5, 2.5, 0.25)


@pytest.mark.parametrize("objectives", [(0.25,), (0.0001, 0.037, 1, 60), ()])
def test_objectives_are_edges_of_the_pods_buckets(render: Render, objectives: tuple[float, ...]) -> None:
    """What the chart is given is read by the pod, digit by digit, and ends a bucket of its durations."""
    told = environment(render({"server": {"objectiveSeconds": list(objectives)}}))
    found = Settings.read({**told, "EKIBEN_ARTEFACT": "/model"}).objective_seconds
    assert found == objectives
    assert set(objectives) <= set(metrics.duration_buckets(found))


@pytest.mark.parametrize(
    ("values", "says", "silent"),
    [
        ({}, ["ACCESS CONTROL IS OFF", "networkPolicy.callers"], ["POLICIES ARE OFF"]),
        (
            {"networkPolicy": {"enabled": False}},
            ["ACCESS CONTROL IS OFF", "NETWORK POLICIES ARE OFF TOO"],
            [],
        ),
        (REQUIRED, ["Callers need a key (Secret iris-keys)", "ekiben key create iris"], ["IS OFF"]),
        ({**issuing(ISSUER), **TLS}, ["or a token of 1 issuer", "https://iris.models.svc"], ["IS OFF"]),
    ],
)
def test_the_notes_say_loudly_who_may_call(
    program: Path, values: dict[str, Any], says: list[str], silent: list[str]
) -> None:
    """What `helm install` prints last."""
    argv = [str(program), "install", "iris", str(CHART), "-n", "models", "--dry-run=client", "-f", "-"]
    printed = command.run(argv, stdin=json.dumps({"image": IMAGE, **values})).stdout
    notes = printed.partition("NOTES:")[2]
    assert [text for text in says if text not in notes] == []
    assert [text for text in silent if text in notes] == []
