"""ConfigMaps and Secrets: read whole, changed at the version that was read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ekiben.clients.connection import CONFLICT, TIMEOUT_SECONDS
from ekiben.clients.namespaces import Namespaces
from ekiben.errors import ClusterError

_ATTEMPTS = 5
Data = TypeVar("Data")
Change = Callable[[Mapping[str, Data]], Mapping[str, Data]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind is asked for, and how its data are written in an object."""

    words: str
    calls: str  # the end of the client's method names
    model: str
    encode: Callable[[Any], str]
    decode: Callable[[str], Any]


_CONFIG_MAP = _Kind("config map", "config_map", "V1ConfigMap", str, str)
_SECRET = _Kind(
    "secret", "secret", "V1Secret", lambda data: base64.b64encode(data).decode(), base64.b64decode
)


class Stored(Namespaces):
    """What ekiben keeps in the cluster."""

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return the data of a ConfigMap; None if there is none."""
        return self._data(_CONFIG_MAP, namespace, name)

    def change_config_map(
        self, namespace: str, name: str, change: Change[str], labels: Mapping[str, str]
    ) -> None:
        """Read, change and write a ConfigMap; again when somebody else wrote in between.

        Raises:
            ClusterError: Refused, or changed by others five times in a row.
        """
        self._change(_CONFIG_MAP, namespace, name, change, labels)

    def remove_config_map(self, namespace: str, name: str) -> None:
        """Remove a ConfigMap, if it is there."""
        self._remove(_CONFIG_MAP, namespace, name)

    def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of a Secret; None if there is none."""
        return self._data(_SECRET, namespace, name)

    def change_secret(
        self, namespace: str, name: str, change: Change[bytes], labels: Mapping[str, str]
    ) -> None:
        """Read, change and write a Secret; again when somebody else wrote in between.

        Asks for the verbs get, create and update, on this namespace's Secrets, and no other.

        Args:
            namespace: Where.
            name: Its name.
            change: Gets the data that are there (none if there is no such Secret), returns what shall be.
            labels: Of a Secret that is made; one that is there keeps its own.

        Raises:
            ClusterError: Refused, or changed by others five times in a row.
        """
        self._change(_SECRET, namespace, name, change, labels)

    def remove_secret(self, namespace: str, name: str) -> None:
        """Remove a Secret, if it is there."""
        self._remove(_SECRET, namespace, name)

    def _call(self, kind: _Kind, verb: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._core, f"{verb}_namespaced_{kind.calls}")
        return call

    def _data(self, kind: _Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        found = self._found(f"{kind.words} {namespace}/{name}", self._call(kind, "read"), name, namespace)
        return None if found is None else _decoded(kind, found)

    def _change(
        self, kind: _Kind, namespace: str, name: str, change: Change[Any], labels: Mapping[str, str]
    ) -> None:
        for _ in range(_ATTEMPTS):
            try:
                self._change_once(kind, namespace, name, change, labels)
            except ClusterError as error:
                if error.status != CONFLICT:
                    raise
            else:
                return
        raise ClusterError(
            f"{self.context}: {kind.words} {namespace}/{name} changes faster than it can be written"
        )

    def _change_once(
        self, kind: _Kind, namespace: str, name: str, change: Change[Any], labels: Mapping[str, str]
    ) -> None:
        what = f"{kind.words} {namespace}/{name}"
        found = self._found(what, self._call(kind, "read"), name, namespace)
        wanted = change({} if found is None else _decoded(kind, found))
        data = {key: kind.encode(value) for key, value in wanted.items()}
        if found is None:
            metadata = self._client.V1ObjectMeta(name=name, labels=dict(labels))
            body = getattr(self._client, kind.model)(metadata=metadata, data=data)
            with self._asking(f"writing {what}"):
                self._call(kind, "create")(namespace, body, _request_timeout=TIMEOUT_SECONDS)
            return
        found.data = data
        with self._asking(f"writing {what}"):
            self._call(kind, "replace")(name, namespace, found, _request_timeout=TIMEOUT_SECONDS)

    def _remove(self, kind: _Kind, namespace: str, name: str) -> None:
        what = f"removing {kind.words} {namespace}/{name}"
        self._found(what, self._call(kind, "delete"), name, namespace)


def _decoded(kind: _Kind, found: Any) -> dict[str, Any]:
    return {key: kind.decode(value) for key, value in (found.data or {}).items()}
