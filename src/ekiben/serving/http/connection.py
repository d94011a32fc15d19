"""One connection: requests of the lane are answered where the parser has read them.

A subclass of uvicorn's protocol, plugged into its public `http=` option. What
the BentoML service answers goes on to uvicorn's ASGI way unchanged.

Source: https://www.rfc-editor.org/rfc/rfc9112 (HTTP/1.1)
"""

from __future__ import annotations

import asyncio

import httptools

from ekiben.serving.counters import OTHER
from ekiben.serving.exchange import Endpoint
from ekiben.serving.http import fields
from ekiben.serving.http.order import MOST_TURNS, clock
from ekiben.serving.http.repeating import Repeating
from ekiben.serving.http.turn import Turn
from ekiben.serving.instruments import UNMATCHED
from ekiben.serving.problem import RefusedError

_DISCARD_FACTOR = 8  # how many times the limit is read and thrown away, so that the caller sees the refusal
# Of a body, once the time that a head may take is over.
# Source: https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/options (240 bytes per second)
_LEAST_BYTES_PER_SECOND = 240
HEAD_BYTES = 32_768  # of a request line and its fields; tokens take two or three thousand
_METHODS = {b"GET": "GET", b"HEAD": "HEAD", b"POST": "POST"}


class Protocol(Repeating):
    """HTTP/1.1 on one connection."""

    _in_head = _full = False
    _head_bytes = 0

    # ---- from the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Open the connection, if there is room for one more."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""
        self._full = len(self.connections) > self.desk.bounds.connections
        if self._full:
            self.desk.instruments.connection_refused()
            self._reject(fields.FULL)
        else:
            self.desk.instruments.connection_opened()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what nobody waits for any more."""
        super().connection_lost(exc)
        if not self._full:
            self.desk.instruments.connection_closed()
        self._drop_turns()
        self._reading = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more, but may still read answers (TLS cannot be half closed)."""
        self._half_closed = True
        return bool(self._turns) and self._reading is None and self.scheme == "http"

    def data_received(self, data: bytes) -> None:
        """Parse what came, or know it."""
        if self._deaf:
            return
        if self._reading is None and not self._in_head and self._known(data):
            return
        if self._in_head or len(data) > HEAD_BYTES:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._reject(fields.NOT_HTTP)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self._deaf:
            self._reject(fields.LONG_HEAD)

    def _decline(self, rest: bytes) -> None:
        """Read a request again without its offer to upgrade, which nobody here takes.

        The parser takes what follows such a head for the other protocol; Java's own client offers one
        with every request, also with those that have a body.

        Args:
            rest: What came behind the head.
        """
        method = self.parser.get_method()
        if self._deaf or method == b"CONNECT":
            self._reject(fields.NOT_HTTP)
            return
        head = fields.without_offer(method, self.url, self.parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self._requests -= 1
        self.data_received(head + rest)

    def pause_writing(self) -> None:
        """The client does not read its answers: read no more of its requests."""
        super().pause_writing()
        self._throttle()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._throttle()

    def shutdown(self) -> None:
        """End after what is on its way."""
        if not self._turns and self._reading is None and not self._in_head:
            self.transport.close()
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    def sweep(self, now: float) -> None:
        """End what takes too long.

        Args:
            now: Monotonic seconds.
        """
        bounds, waited = self.desk.bounds, now - self._since
        if self.transport.is_closing() or self._closing or self.flow.write_paused:
            if waited > bounds.body_seconds:
                self.transport.abort()  # the answer is not being read, or the rest of its request never came
        elif self._in_head:
            if waited > bounds.header_seconds:
                self._in_head = False
                self._reject(fields.SLOW)
        elif self._reading is not None:
            if waited > bounds.body_seconds or self._drips(waited):
                self._reject(fields.SLOW)
        elif not self._turns and waited > (bounds.idle_seconds if self._requests else bounds.header_seconds):
            self.transport.close()

    def _drips(self, waited: float) -> bool:
        """Whether a body comes so slowly that its sender only wants to hold the connection."""
        turn = self._reading
        return (
            isinstance(turn, Turn)
            and not (turn.wants_continue or self.flow.read_paused)  # it waits for us
            and waited > self.desk.bounds.header_seconds
            and turn.size < _LEAST_BYTES_PER_SECOND * waited
        )

    # ---- from the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = True
        self._since = clock()
        self._requests += 1

    def on_headers_complete(self) -> None:
        """Admit a request, or find out why not."""
        self._in_head = False
        if self._deaf or self._closing or self.parser.should_upgrade():
            return
        desk = self.desk
        long, self._head_bytes = self._head_bytes > HEAD_BYTES and self._is_long(), 0
        endpoint = desk.by_target.get(self.url)
        path = ""
        if endpoint is None:
            path = fields.path_of(self.url)
            endpoint = desk.routes.by_path.get(path)
            if endpoint is None and path in desk.passed and not long:
                self._pass_on()
                return
        self._reading = turn = self._turn(endpoint, path)
        if long:
            turn.refusal, turn.last = fields.LONG_HEAD, True
        self._turns.append(turn)
        if turn.wants_continue or (turn.refusal is not None and turn.refusal.reason == "too_large"):
            self._before_body(turn)

    def _is_long(self) -> bool:
        """Count a head whose bytes came together with others."""
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES

    def _turn(self, endpoint: Endpoint | None, path: str) -> Turn:
        desk, parser = self.desk, self.parser
        head, self._head = self._head, b""  # of this request and no other
        headers = dict(self.headers)
        method = _METHODS.get(parser.get_method(), OTHER)
        version = parser.get_http_version()
        visit = desk.gate.arrive(UNMATCHED if endpoint is None else endpoint.template, method)
        refuse = desk.routes.refuse(path) if endpoint is None else endpoint.refuse
        turn = Turn(self, visit, desk.request_id(headers.get(b"x-request-id")), refuse, headers)
        turn.last = version != "1.1" or not parser.should_keep_alive()
        turn.head_only = method == "HEAD"
        turn.wants_continue = self.expect_100_continue and version != "1.0"
        if endpoint is not None:
            if endpoint.dialect is not None:
                turn.dialect, turn.predicts = endpoint.dialect, True
            turn.reply = endpoint.reply
        try:
            odd = len(headers) != len(self.headers) or b"transfer-encoding" in headers
            if odd or version != "1.1" or b"host" not in headers:
                fields.check(self.headers, headers, version)
            if endpoint is None:
                turn.refusal = fields.NOT_FOUND
                return turn
            if method not in endpoint.methods and (method != "HEAD" or "GET" not in endpoint.methods):
                raise fields.method_refused(endpoint.methods)
            visit.admit(endpoint.group, headers, self._peer)
            declared = headers.get(b"content-length")
            if declared is not None:
                if int(declared) > desk.bounds.body_bytes:
                    raise fields.too_large(desk.bounds.body_bytes)
                if head and turn.predicts:
                    self._learn(head, turn, endpoint, int(declared))
        except RefusedError as error:
            turn.refusal = error.bare()
            # Where heads can be understood differently, what follows may be no request at all.
            turn.last = turn.last or error.reason == "not_http"
        return turn

    def _before_body(self, turn: Turn) -> None:
        """Answer a request whose body nobody wants to read, or say that it is wanted."""
        if turn.refusal is not None:
            turn.last = True
            turn.wants_continue = False
            self._refuse(turn, turn.refusal)
        elif self._turns[0] is turn:
            self._advance()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, counted whatever the head says."""
        turn = self._reading
        if isinstance(turn, Turn):
            self._take(turn, body)
        elif turn is not None:
            super().on_body(body)

    def _take(self, turn: Turn, body: bytes) -> None:
        turn.wants_continue = False
        turn.size += len(body)
        most = self.desk.bounds.body_bytes
        if turn.size > _DISCARD_FACTOR * most:
            self._deaf = True
            self.transport.close()
        elif turn.answer is not None or turn.refusal is not None:
            return  # nobody reads it
        elif turn.size <= most:
            turn.add(body)
        else:
            turn.chunks.clear()
            turn.refusal = fields.too_large(most)
            self._before_body(turn)

    def on_message_complete(self) -> None:
        """Answer a request that was read to its end."""
        turn, self._reading = self._reading, None
        self._head_bytes = 0
        if self._closing:  # the last answer was written before this was whole
            self.transport.close()
        elif isinstance(turn, Turn):
            self._complete(turn)
        elif turn is not None:
            super().on_message_complete()

    def _complete(self, turn: Turn) -> None:
        turn.wants_continue = False
        if turn.size:
            self.desk.instruments.received(turn.size)
        lane = self.desk.lane
        if turn.answer is not None:
            pass  # it was refused before its end
        elif turn.refusal is not None:
            self._refuse(turn, turn.refusal)
        elif turn.predicts and lane is not None:
            lane.take(turn, turn.body())
        elif turn.reply is not None:
            self.answered(turn, turn.reply(turn.request_id))
        else:
            self._explain(turn)
        if len(self._turns) >= MOST_TURNS:
            self._throttle()

    def _explain(self, turn: Turn) -> None:
        """Have a request explained, if it is one: the last question, so that predictions are not asked it."""
        desk = self.desk
        dialect = desk.explaining.get(turn.visit.counters.route)
        if dialect is None or desk.explanations is None:
            self._refuse(turn, fields.NOT_READY)
        else:
            desk.explanations.take(turn, dialect, turn.body())
