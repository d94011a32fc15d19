"""Lines of the access log: one JSON object each, of fixed fields.

Route templates, ids and sizes only: never a path as it was sent, a header or a body.
"""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from ekiben.serving.ended import Ended

_LONGEST_CALLER = 128  # characters


def line(ended: Ended) -> bytes:
    """Write the line of one request, with its line end."""
    return orjson.dumps(
        {
            "time": datetime.fromtimestamp(ended.time, UTC),
            "request_id": ended.request_id,
            "trace_id": ended.trace.trace_id if ended.trace else None,
            "route": ended.route,
            "method": ended.method,
            "status": ended.status,
            "duration_seconds": round(ended.seconds, 6),
            "rows": ended.rows,
            "caller": ended.caller[:_LONGEST_CALLER],
            "request_bytes": ended.request_bytes,
            "response_bytes": ended.response_bytes,
        },
        option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE,
    )
