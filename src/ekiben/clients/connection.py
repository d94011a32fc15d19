"""The only importer of `kubernetes`: an open context of a kubeconfig, and its refusals in our words.

There is no default context: a cluster that was not named is never touched.
Foreign exceptions end here; each becomes a `ClusterError` that says what was asked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from ekiben.errors import ClusterError

TIMEOUT_SECONDS = (5.0, 20.0)  # connect, read: long enough for a busy API server on two cores
NOT_FOUND, CONFLICT = 404, 409
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_REFUSED_STATUS = 400  # and up

logging.getLogger("kubernetes").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back through the API server's proxy.

    Attributes:
        status: HTTP status.
        content_type: Media type, without parameters.
        body: The bytes.
    """

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ClusterError: It is not JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            text = self.body[:200].decode(errors="replace")
            raise ClusterError(f"expected JSON, found {self.content_type or 'no type'}: {text!r}") from error

    @property
    def from_api_server(self) -> bool:
        """True if the API server answered itself, because it reached no pod."""
        return self.status >= _REFUSED_STATUS and b'"kind":"Status"' in self.body.replace(b" ", b"")[:200]


class Connection:
    """One context, open. Close it, or use it in a `with`.

    Attributes:
        context: Name of its context.
    """

    def __init__(self, api: Any, context: str) -> None:
        from kubernetes import client

        self.context = context
        self._api = api
        self._client = client
        self._made: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._api.rest_client.pool_manager.clear()
        self._api.close()

    def _group(self, name: str) -> Any:
        """Return one API group; made when it is asked for, its import costs half a second."""
        if name not in self._made:
            self._made[name] = getattr(self._client, name)(self._api)
        return self._made[name]

    @property
    def _core(self) -> Any:
        return self._group("CoreV1Api")

    @property
    def _apps(self) -> Any:
        return self._group("AppsV1Api")

    @property
    def _autoscaling(self) -> Any:
        return self._group("AutoscalingV2Api")

    @property
    def _batch(self) -> Any:
        return self._group("BatchV1Api")

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as error:
            raise refusal(self.context, what, error) from error
        except (HTTPError, OSError) as error:
            raise ClusterError(
                f"{self.context}: expected an answer to {what}, found {error}",
                remedy="is the cluster up? `ekiben cluster status` tells of a local one",
            ) from error

    def _found(self, what: str, read: Callable[..., Any], *args: Any) -> Any:
        """Read one object; None if there is none of that name."""
        try:
            with self._asking(what):
                return read(*args, _request_timeout=TIMEOUT_SECONDS)
        except ClusterError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        what: str,
        timeout_seconds: float = 20,
        content_type: str = "application/json",
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Answer:
        sent = {"Accept": "*/*", "User-Agent": "ekiben", **headers}
        if body is not None:
            sent["Content-Type"] = content_type
        with self._asking(what):
            request = self._api.param_serialize(
                method, path, header_params=sent, body=body, auth_settings=["BearerToken"]
            )
            answer = self._api.call_api(*request, _request_timeout=timeout_seconds)
            data = answer.read()
        kind = str(answer.headers.get("content-type", "")).partition(";")[0].strip()
        return Answer(answer.status, kind, data)

    def _applied(self, path: str, body: Any, what: str) -> None:
        """Apply part of an object on the server, under our own name."""
        path = f"{path}?fieldManager=ekiben&force=true"
        kind = "application/apply-patch+yaml"
        answer = self._raw("PATCH", path, body, what=what, content_type=kind)
        if answer.status >= _REFUSED_STATUS:
            raise ClusterError(
                f"{self.context}: expected to apply {what}, found {answer.status}: {answer.body[:256]!r}",
                status=answer.status,
            )


def open_context(kubeconfig: Path | None, context: str) -> Any:
    """Open one context of a kubeconfig.

    Args:
        kubeconfig: File that holds it; None means kubectl's own search path.
        context: Its name; an empty one is refused, the current context is never taken by accident.

    Raises:
        ClusterError: No such file or context.
    """
    if not context:
        raise ClusterError(
            "expected the name of a kube context, found none: ekiben touches no cluster that was not named",
            remedy="give --context (kubectl config get-contexts lists them), or make one: ekiben cluster up",
        )
    from kubernetes import config
    from kubernetes.client import Configuration

    settings = Configuration()
    settings.retries = False  # we decide what is asked again
    settings.connection_pool_maxsize = 8
    try:
        api = config.new_client_from_config(  # type: ignore[no-untyped-call]  # untyped there
            str(kubeconfig) if kubeconfig else None,
            context,
            persist_config=False,
            client_configuration=settings,
        )
    except (config.ConfigException, OSError) as error:
        raise ClusterError(
            f"expected the context {context!r} in {kubeconfig or 'the kubeconfig'}: {error}",
            remedy="kubectl config get-contexts lists the contexts there are",
        ) from error
    api.user_agent = "ekiben"
    return api


def refusal(context: str, what: str, error: Any) -> ClusterError:
    """Word an `ApiException`; its body is cut, logs must not drown in it."""
    try:
        message = json.loads(error.body or "{}").get("message", "")
    except (ValueError, AttributeError):
        message = (error.body or "")[:256]
    remedies = {
        401: "the credentials of this context are not accepted: log in again",
        403: "ask whoever runs the cluster for the right to do this, or name another --context",
    }
    return ClusterError(
        f"{context}: expected {what}, found {error.status} {error.reason}: {message or 'no reason given'}",
        status=error.status or None,
        remedy=remedies.get(error.status, ""),
    )
