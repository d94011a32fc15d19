"""Bytes to messages and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from ekiben.serving.problem import RefusedError

_M = TypeVar("_M")


def decoded(parse: Callable[[bytes], _M], body: bytes) -> _M:
    """Decode a message; fields that are not known are dropped, as protobuf has it.

    Args:
        parse: `FromString` of its class.
        body: Its bytes.

    Raises:
        RefusedError: 400; the bytes are no such message.
    """
    try:
        return parse(body)
    except DecodeError:
        raise RefusedError(400, "form", "expected a message of this method's type") from None


def encoded(message: Message) -> bytes:
    """Encode a message."""
    found: bytes = message.SerializeToString()
    return found
