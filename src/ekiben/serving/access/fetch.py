"""Getting an issuer's public keys: one GET, bounded in time and size, that follows nobody elsewhere."""

from __future__ import annotations

from ekiben.serving.access.jwks import MOST_BYTES


def fetch(url: str, seconds: float) -> bytes:
    """Get a document.

    Args:
        url: `https`, or `http` of this machine; certificates are checked against the system's
            authorities, or those of `SSL_CERT_FILE`.
        seconds: Longest wait, for each step.

    Raises:
        OSError: No answer, another status than 200, a redirect, or too long.
    """
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(str(parts.hostname), parts.port, timeout=seconds)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept": "application/json", "User-Agent": "ekiben"})
        answer = connection.getresponse()
        if answer.status != 200:  # noqa: PLR2004
            raise OSError(f"expected status 200, found {answer.status}")
        body = answer.read(MOST_BYTES + 1)
    except HTTPException as error:
        raise OSError(f"expected an answer in HTTP, found {type(error).__name__}") from error
    finally:
        connection.close()
    if len(body) > MOST_BYTES:
        raise OSError(f"expected at most {MOST_BYTES} bytes")
    return body
