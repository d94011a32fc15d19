"""What ekiben itself calls a release with: the operator's credential, or the release's own key.

Never an argument of a command line: those are seen by every user of a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ekiben.clients.cluster import Cluster
from ekiben.errors import ClusterError, ConfigError
from ekiben.serving.access.credential import MOST_BYTES

VARIABLE = "EKIBEN_API_KEY"
ENTRY = "key"  # of the Secret
_FORBIDDEN = 403


def secret_name(values: Mapping[str, Any], release: str) -> str:
    """Name of the Secret that holds the key's text, with these values of the chart."""
    access = values.get("access")
    return str((access.get("verifySecretName") if isinstance(access, Mapping) else "") or f"{release}-verify")


def given(environment: Mapping[str, str], key_file: Path | None = None) -> str:
    """The operator's own credential; empty if none was given.

    Args:
        environment: May hold `EKIBEN_API_KEY`, a key or a token.
        key_file: Holds one; wins over the variable.

    Raises:
        ConfigError: The file cannot be read, or it is no credential; never repeats it.
    """
    source, text = VARIABLE, environment.get(VARIABLE, "")
    if key_file is not None:
        source = str(key_file)
        try:
            text = key_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"expected a key or token in {source}: {type(error).__name__}") from None
    text = text.strip()
    if (source != VARIABLE and not text) or len(text) > MOST_BYTES or not all("!" <= c <= "~" for c in text):
        raise ConfigError(f"expected one key or token in {source}, and nothing else")
    return text


def known(cluster: Cluster, namespace: str, name: str) -> str:
    """The text of the key that a release is proven with; empty if there is none, or if we may not read it.

    Args:
        cluster: The cluster.
        namespace: Namespace of the release.
        name: Of the Secret.

    Raises:
        ClusterError: The cluster was not reached.
    """
    data = readable(cluster, namespace, name) or {}
    return data.get(ENTRY, b"").decode(errors="replace").strip()


def readable(cluster: Cluster, namespace: str, name: str) -> Mapping[str, bytes] | None:
    """The data of a Secret; None if there is none, or if it is not ours to read.

    Raises:
        ClusterError: The cluster was not reached.
    """
    try:
        return cluster.secret(namespace, name)
    except ClusterError as error:
        if error.status == _FORBIDDEN:
            return None
        raise


def headers(credential: str) -> Mapping[str, str]:
    """What requests to the pods carry; `Authorization` does not pass the API server's proxy."""
    return {"X-API-Key": credential} if credential else {}
