"""Namespaces: made under Pod Security *restricted*, removed only if they are ours and empty."""

from __future__ import annotations

import time
from typing import Any

from ekiben.clients.connection import CONFLICT, TIMEOUT_SECONDS, Connection
from ekiben.errors import ClusterError

MANAGED_BY = ("app.kubernetes.io/managed-by", "ekiben")
_RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}
ENDING_SECONDS = 60.0  # an empty namespace is gone within seconds; what takes longer needs somebody
_GIVEN = frozenset({"kube-root-ca.crt", "default"})  # what every namespace is born with


class Namespaces(Connection):
    """What ekiben does to the namespaces of one cluster."""

    def ensure_namespace(self, name: str) -> bool:
        """Make a namespace under Pod Security *restricted* unless it is there.

        One that is ending takes nothing new: an uninstall just before leaves it so. Its end is awaited.

        Returns:
            True if it was made now.

        Raises:
            ClusterError: Refused, or an ending one does not end within a minute.
        """
        if self._stays(name):
            return False
        key, value = MANAGED_BY
        metadata = self._client.V1ObjectMeta(name=name, labels={key: value, **_RESTRICTED})
        try:
            with self._asking(f"making namespace {name}"):
                self._core.create_namespace(
                    self._client.V1Namespace(metadata=metadata), _request_timeout=TIMEOUT_SECONDS
                )
        except ClusterError as error:
            if error.status == CONFLICT:  # another run was quicker
                return False
            raise
        return True

    def _stays(self, name: str) -> bool:
        """Whether a namespace is there, once it is known to stay or to be gone."""
        end = time.monotonic() + ENDING_SECONDS
        while (found := self._found(f"namespace {name}", self._core.read_namespace, name)) is not None:
            if found.metadata.deletion_timestamp is None:
                return True
            if time.monotonic() > end:
                raise ClusterError(
                    f"expected the ending namespace {name} to be gone within {ENDING_SECONDS:g} s, found it",
                    remedy=f"`kubectl get namespace {name} -o yaml` says what keeps it",
                )
            time.sleep(0.2)
        return False

    def remove_namespace_if_ours(self, name: str) -> bool:
        """Remove a namespace that `ensure_namespace` made and that holds nothing any more.

        Returns:
            True if it was removed.
        """
        found = self._found(f"namespace {name}", self._core.read_namespace, name)
        key, value = MANAGED_BY
        if found is None or (found.metadata.labels or {}).get(key) != value or self._holds(name):
            return False
        with self._asking(f"removing namespace {name}"):
            self._core.delete_namespace(name, _request_timeout=TIMEOUT_SECONDS)
        return True

    def _holds(self, namespace: str) -> tuple[str, ...]:
        core, apps, batch = self._core, self._apps, self._batch
        kinds: tuple[Any, ...] = (
            core.list_namespaced_pod,
            core.list_namespaced_service,
            core.list_namespaced_config_map,
            core.list_namespaced_secret,
            core.list_namespaced_service_account,
            core.list_namespaced_persistent_volume_claim,
            apps.list_namespaced_deployment,
            apps.list_namespaced_stateful_set,
            apps.list_namespaced_daemon_set,
            batch.list_namespaced_job,
            batch.list_namespaced_cron_job,
        )
        names: list[str] = []
        for listing in kinds:
            with self._asking(f"what namespace {namespace} holds"):
                found = listing(namespace, _request_timeout=TIMEOUT_SECONDS)
            names += [o.metadata.name for o in found.items if o.metadata.name not in _GIVEN]
        return tuple(names)
