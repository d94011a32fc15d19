"""Requests of one connection whose heads were read before: the parser does not see them."""

from __future__ import annotations

from ekiben.serving.exchange import Endpoint
from ekiben.serving.http import again
from ekiben.serving.http.order import MOST_TURNS, Ordered
from ekiben.serving.http.turn import Turn
from ekiben.serving.problem import RefusedError


class Repeating(Ordered):
    """uvicorn's protocol with known heads; see `again`."""

    _peer = ""
    _head = b""  # of the request that began with what was received last, while it may be learned
    _lessons = again.LESSONS

    def _known(self, data: bytes) -> bool:
        """Take a whole request whose head was read before; gives whether it was one.

        Args:
            data: What came behind a whole request, or first of all.
        """
        if not self._goes_on():
            return False
        end = data.find(again.END) + len(again.END)
        head = data[:end]
        known = self.desk.heads.get(head)
        if known is not None and len(data) - end == known.size:
            self._repeat(known, data[end:])
            return True
        self._head = head if self._lessons else b""
        return False

    def _goes_on(self) -> bool:
        """Whether another request may follow those that came."""
        turns = self._turns
        return not self._closing and (not turns or (isinstance(turns[-1], Turn) and not turns[-1].last))

    def _repeat(self, known: again.Known, body: bytes) -> None:
        """Take a whole request whose head was read before."""
        desk = self.desk
        self._requests += 1
        visit = desk.gate.again(known.counters)
        self._since = visit.started
        turn = Turn(self, visit, desk.request_id(None), known.endpoint.refuse, known.headers)
        turn.dialect, turn.predicts, turn.reply = known.dialect, True, None
        turn.size = known.size
        self._turns.append(turn)
        desk.instruments.received(known.size)
        try:
            visit.let_in(known.endpoint.group, known.credential, self._peer)
        except RefusedError as error:
            self._refuse(turn, error.bare())
        else:
            desk.lane.take(turn, body)  # type: ignore[union-attr]  # what let it in knows that it is ready
        if len(self._turns) >= MOST_TURNS:
            self._throttle()

    def _learn(self, head: bytes, turn: Turn, endpoint: Endpoint, size: int) -> None:
        """Remember the head of a prediction that was let in."""
        if turn.dialect is None or turn.last or turn.wants_continue:
            return
        self._lessons -= 1
        credential = self.desk.gate.credential(turn.headers)
        known = again.Known(endpoint, turn.dialect, turn.headers, size, turn.visit.counters, credential)
        self.desk.heads.learn(head, self.url, self.headers, known)
