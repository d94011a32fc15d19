"""What is believed of a request before its body is decoded: its media type."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ekiben.serving.problem import RefusedError

_JSON = re.compile(rb'^application/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?$', re.IGNORECASE)


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Accept JSON in UTF-8, and nothing else.

    Raises:
        RefusedError: 415.
    """
    media_type = headers.get(b"content-type", b"")
    if media_type != b"application/json" and not _JSON.match(media_type):
        raise RefusedError(415, "content_type", "expected the content type application/json (charset utf-8)")
