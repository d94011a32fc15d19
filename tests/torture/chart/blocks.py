"""Valid samples of the blocks that Kubernetes defines and the chart passes through whole, by their path.

Each is valid in every minor version of `schemas.MINORS`.
"""

from __future__ import annotations

from typing import Any

_CONTAINER: dict[str, Any] = {
    "image": "r/beside@sha256:" + "0a" * 32,
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": 1, "memory": "16Mi"}},
}
_PEERS: list[Any] = [
    [],
    [{"podSelector": {}}],
    [{"namespaceSelector": {"matchLabels": {"team": "web"}}, "podSelector": {"matchLabels": {"app": "a"}}}],
    [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"namespaceSelector": {}}],
]
_HTTP: dict[str, Any] = {"path": "/readyz", "port": "http"}


def _probes(success: int) -> list[Any]:
    return [
        {"httpGet": _HTTP, "periodSeconds": 1, "failureThreshold": 100},
        {"httpGet": {**_HTTP, "httpHeaders": [{"name": "Host", "value": "x"}]}, "timeoutSeconds": 9},
        {"httpGet": None, "tcpSocket": {"port": "http"}, "initialDelaySeconds": 7},
        {"httpGet": None, "exec": {"command": ["/bin/true"]}, "successThreshold": success},
        {"httpGet": {"path": "/livez", "port": 3000, "scheme": "HTTPS"}, "initialDelaySeconds": 1},
        {},
    ]


_ENDING: dict[str, Any] = {"httpGet": _HTTP, "terminationGracePeriodSeconds": 9}


BLOCKS: dict[str, list[Any]] = {
    "imagePullSecrets": [[], [{"name": "123"}], [{"name": "a"}, {"name": "b"}]],
    "autoscaling.behavior": [
        {},
        {"scaleUp": {"tolerance": "0.02", "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}},
        {"scaleDown": {"selectPolicy": "Disabled", "stabilizationWindowSeconds": 0}},
        {"scaleDown": {"stabilizationWindowSeconds": 3600}, "scaleUp": {"stabilizationWindowSeconds": 9}},
    ],
    "keda.metadata": [{}, {"authModes": "bearer"}, {"unsafeSsl": "true", "queryParameters": "a=b"}],
    "keda.authenticationRef": [{}, {"name": "p"}, {"name": "p", "kind": "ClusterTriggerAuthentication"}],
    "startupProbe": [*_probes(1), _ENDING],
    "readinessProbe": _probes(3),
    "livenessProbe": [*_probes(1), _ENDING],
    "lifecycle": [
        {},
        {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        {"preStop": {"sleep": {"seconds": 5}}, "postStart": {"httpGet": _HTTP}},
    ],
    "podSecurityContext": [
        {},
        {"runAsUser": 20001, "fsGroupChangePolicy": "OnRootMismatch", "sysctls": []},
        {"supplementalGroups": [1, 2], "seLinuxOptions": {"level": "s0:c1,c2"}, "fsGroup": 0},
        {"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}},
    ],
    "securityContext": [
        {},
        {"runAsUser": 20001},
        {"capabilities": {"drop": ["ALL"]}, "procMount": "Default"},
    ],
    "networkPolicy.callers": _PEERS,
    "networkPolicy.monitoring": _PEERS,
    "networkPolicy.dns": _PEERS,
    "networkPolicy.egress": [[], [{}], [{"to": _PEERS[3], "ports": [{"port": 1, "endPort": 9}]}]],
    "serviceMonitor.tlsConfig": [
        {},
        {"insecureSkipVerify": True},
        {"serverName": "a.b", "caFile": "/etc/ca.crt"},
        {"ca": {"secret": {"name": "a", "key": "ca.crt"}}},
    ],
    "podMonitor.tlsConfig": [
        {},
        {"insecureSkipVerify": True},
        {"ca": {"configMap": {"name": "a", "key": "b"}}},
    ],
    "envFrom": [[], [{"configMapRef": {"name": "a"}}, {"prefix": "B_", "secretRef": {"name": "b"}}]],
    "volumes": [
        [],
        [{"name": "one", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
        [
            {"name": "one", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
            {"name": "two", "csi": {"driver": "d.example.com", "volumeAttributes": {"a": "1"}}},
        ],
        [{"name": "two", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
    ],
    "volumeMounts": [
        [],
        [{"name": "tmp", "mountPath": "/var/tmp", "subPath": "a"}],  # noqa: S108
        [{"name": "one", "mountPath": "/one", "readOnly": True}, {"name": "two", "mountPath": "/two"}],
    ],
    "initContainers": [
        [],
        [{**_CONTAINER, "name": "first", "command": ["/x"], "securityContext": {"runAsUser": 7}}],
        [{**_CONTAINER, "name": "mesh", "restartPolicy": "Always", "ports": [{"containerPort": 900}]}],
    ],
    "sidecars": [
        [],
        [{**_CONTAINER, "name": "ship"}],
        [{"name": "a", "image": "b"}, {"name": "c", "image": "d"}],
    ],
    "tolerations": [
        [],
        [{"operator": "Exists"}],
        [{"key": "a", "effect": "NoExecute", "tolerationSeconds": 3}],
    ],
    "affinity": [
        {},
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}},
        {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    ],
    "topologySpreadConstraints": [
        [],
        [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}],
    ],
    "ingress.tls": [[], [{"hosts": ["a.example.com"], "secretName": "1"}], [{}]],
    "httpRoute.parentRefs": [[], [{"name": "edge"}], [{"name": "e", "kind": "Gateway", "port": 443}]],
    "httpRoute.rules": [
        [{}],
        [{"matches": [{"headers": [{"name": "a", "value": "1"}]}], "name": "one"}, {"backendRefs": []}],
        [{"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "a.b"}}]}],
        [{"timeouts": {"request": "9s"}}],
        [{"backendRefs": [{"name": "a", "port": 1, "weight": 0}, {"name": "b", "port": 2}]}],
    ],
}
