"""An answer as bytes of HTTP/1.1."""

from __future__ import annotations

from http import HTTPStatus

from ekiben.serving.answer import Answer

_STATUS = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Writer:
    """Writes heads of answers; what is the same in all of them is joined once a second.

    Attributes:
        closing: Whether the connection ends with this answer is said by `Connection: close`.
    """

    def __init__(self) -> None:
        self._given: list[tuple[bytes, bytes]] | None = None
        self._joined = b""

    def message(
        self,
        answer: Answer,
        request_id: bytes,
        defaults: list[tuple[bytes, bytes]],
        *,
        closing: bool,
        head_only: bool,
    ) -> bytes:
        """Give the bytes of an answer.

        Args:
            answer: What to send.
            request_id: Its id; harmless in a header.
            defaults: uvicorn's default headers (`Date`), a new list when they change.
            closing: Whether the connection ends with it.
            head_only: Whether the request was HEAD.
        """
        if defaults is not self._given:
            self._given = defaults
            self._joined = b"".join(b"%b: %b\r\n" % header for header in defaults)
        body = answer.body
        further = b"".join([b"%b: %b\r\n" % header for header in answer.headers]) if answer.headers else b""
        return b"%b%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b%b\r\n%b" % (
            _STATUS[answer.status],
            self._joined,
            answer.content_type,
            len(body),
            request_id,
            further,
            b"connection: close\r\n" if closing else b"",
            b"" if head_only else body,
        )
