"""Jobs: made with what belongs to them, their pod's log followed while it is written, removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from ekiben.clients.connection import TIMEOUT_SECONDS, refusal
from ekiben.clients.inspected import Inspected

_REFUSED_STATUS = 400  # and up
_STREAM_SECONDS = (5.0, 60.0)  # connect, and the longest silence of a pod that is still to say something


class Launched(Inspected):
    """What ekiben starts in a cluster and takes away again."""

    def raw_deployment(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Return a Deployment as the API has it; None if there is none."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        return self._document(path, f"deployment {namespace}/{name}")

    def launch(self, namespace: str, job: Mapping[str, Any], owned: Iterable[Mapping[str, Any]]) -> None:
        """Make a Job, then the ConfigMaps and Secrets that its pod waits for, owned by it.

        The Job is first, so that whatever happens here its deadline ends it and takes all of it away.

        Args:
            namespace: Where.
            job: The Job.
            owned: What goes when it goes.

        Raises:
            ClusterError: One of them was refused; those before are there.
        """
        what = f"job {namespace}/{job['metadata']['name']}"
        with self._asking(f"making {what}"):
            made = self._batch.create_namespaced_job(namespace, dict(job), _request_timeout=TIMEOUT_SECONDS)
        named = {"name": made.metadata.name, "uid": made.metadata.uid}
        owner = {"apiVersion": "batch/v1", "kind": "Job", **named}
        make = {
            "ConfigMap": self._core.create_namespaced_config_map,
            "Secret": self._core.create_namespaced_secret,
        }
        for one in owned:
            body = {**one, "metadata": {**one["metadata"], "ownerReferences": [owner]}}
            with self._asking(f"making the {one['kind']} of {what}"):
                make[one["kind"]](namespace, body, _request_timeout=TIMEOUT_SECONDS)

    def remove_job(self, namespace: str, name: str) -> None:
        """Remove a Job with all that it owns, its pods too, if it is there."""
        what = f"removing job {namespace}/{name}"

        def remove(*args: Any, **options: Any) -> Any:
            return self._batch.delete_namespaced_job(*args, propagation_policy="Background", **options)

        self._found(what, remove, name, namespace)

    def log_lines(self, namespace: str, pod: str, *, tail: int) -> Iterator[str]:
        """Follow a pod's log to the pod's end.

        Args:
            namespace: Where.
            pod: Its name.
            tail: How many of the lines that are there to begin with.

        Yields:
            Lines as they are written, without their ends; the last one also where it has none.

        Raises:
            ClusterError: Refused, or the connection broke, or nothing was said for a minute.
        """
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?follow=true&tailLines={tail}"
        what = f"the log of {namespace}/{pod}"
        with self._asking(what):
            sent = {"Accept": "*/*", "User-Agent": "ekiben"}
            auth = ["BearerToken"]
            request = self._api.param_serialize("GET", path, header_params=sent, auth_settings=auth)
            answer = self._api.call_api(*request, _request_timeout=_STREAM_SECONDS)
            try:
                if answer.status >= _REFUSED_STATUS:
                    body = answer.read().decode(errors="replace")
                    said = SimpleNamespace(status=answer.status, reason=answer.reason, body=body)
                    raise refusal(self.context, what, said)
                yield from _lines(answer.response.stream(amt=None))
            finally:
                answer.response.close()


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest: list[bytes] = []  # a line of megabytes comes in thousands of pieces
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for one in whole:
            yield b"".join([*rest, one]).decode(errors="replace")
            rest = []
        rest.append(last)
    if any(rest):
        yield b"".join(rest).decode(errors="replace")
