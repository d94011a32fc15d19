"""The two kinds of access control: nobody is asked, or everybody but the probes must bring a credential."""

from __future__ import annotations

import functools
import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ekiben.serving.access import jwks, keys, policy
from ekiben.serving.access.clock import Clock
from ekiben.serving.access.credential import GROUPS, NOBODY, Grant, forbidden, presented, unauthenticated
from ekiben.serving.access.fetch import fetch
from ekiben.serving.access.tokens import Tokens
from ekiben.serving.access.watched import WatchedAddress, WatchedFile
from ekiben.serving.caller import Caller
from ekiben.serving.exchange import Group, Headers

LOOK_SECONDS = 1.0  # between looks at the files: a few system calls; the kubelet brings new ones each minute
_PEERS = 1_024
_PREFIX = keys.PREFIX.encode()
_KeySets = WatchedFile[jwks.KeySet] | WatchedAddress[jwks.KeySet]
_LOG = logging.getLogger(__name__)


class _Ring:
    """Keys that are valid now: one that has ended is not to be told from one that never was.

    A key that was seen is known by itself from then on, without a hash, for as long as the same keys are
    valid; there are never more of them than keys.

    Args:
        live: Grants by the bytes of a key's hash.
    """

    def __init__(self, live: Mapping[bytes, Grant]) -> None:
        self._live = live
        self._seen: dict[bytes, Grant] = {}

    def grant(self, text: bytes) -> Grant:
        """What a key is worth."""
        found = self._seen.get(text)
        if found is None:
            found = self._live.get(hashlib.sha256(text).digest(), NOBODY)
            if found is not NOBODY:
                self._seen[text] = found
        return found

    def renewed(self, live: Mapping[bytes, Grant]) -> _Ring:
        """Give the ring of what is valid now, which is this one if nothing changed."""
        return self if live == self._live else _Ring(live)


class Open:
    """Nobody is asked: `EKIBEN_ACCESS=none`."""

    def __init__(self) -> None:
        self._caller = functools.lru_cache(_PEERS)(lambda peer: Caller(peer, GROUPS))

    def credential(self, headers: Headers) -> bytes:  # noqa: ARG002 - the contract's
        """Nothing is looked for."""
        return b""

    def leave(self, credential: bytes, group: Group, peer: str) -> Caller:  # noqa: ARG002 - the contract's
        """Let everybody in, under the name of the peer's address."""
        return self._caller(peer)

    def next_key_expiry(self) -> float:
        """Infinity: there are no keys."""
        return math.inf

    def start(self) -> None:
        """Say it."""
        _LOG.warning(
            "ACCESS CONTROL IS OFF (EKIBEN_ACCESS=none): whoever reaches this pod may call it; "
            "set access.mode: required in the chart's values, then `ekiben key create`"
        )

    def close(self) -> None:
        """Do nothing."""


class Required:
    """Keys and tokens: `EKIBEN_ACCESS=required`.

    Args:
        folder: Holds `keys.json`, `policy.json` and the files that this names; each may be absent.
        clock: What time it is.
        look_seconds: Between looks at the files.
        get: Fetches an address; in the thread that looks, never in `__init__`.
        steady: Monotonic seconds, for when an address is asked again.

    Raises:
        ConfigError: One of the files is wrong.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        *,
        look_seconds: float = LOOK_SECONDS,
        get: Callable[[str, float], bytes] = fetch,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._clock = folder, clock or Clock()
        self._look_seconds, self._get, self._steady = look_seconds, get, steady
        none: tuple[keys.KeyRecord, ...] = ()
        self._key_file = WatchedFile(folder / "keys.json", keys.parse, none)
        self._policy_file = WatchedFile(folder / "policy.json", policy.parse, policy.Policy())
        self._sets: dict[str, _KeySets] = {}
        self._all = keys.grants(self._key_file.content)
        self._ring = _Ring(self._in_time())
        self._unknown_key = False
        self._tokens = self._verifier(strict=True)
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    def credential(self, headers: Headers) -> bytes:
        """Find a key or a token."""
        return presented(headers)

    def leave(self, credential: bytes, group: Group, peer: str) -> Caller:  # noqa: ARG002 - the contract's
        """Know the caller by its credential, and check its leave.

        An unknown, a wrong and an expired key take the same steps: two look-ups that
        find nothing, one hash, both clocks.

        Raises:
            RefusedError: 401 or 403.
        """
        tokens = self._tokens
        if tokens is None or credential.startswith(_PREFIX):
            grant = self._ring.grant(credential)
        else:
            grant = tokens.grant(credential)
        if not self._clock.within(grant.begins, grant.ends):
            raise unauthenticated()
        if group not in grant.caller.groups:
            raise forbidden(group)
        return grant.caller

    def next_key_expiry(self) -> float:
        """When a caller is the next to be without a valid key, Unix time; infinity if no key ends.

        A caller that changes keys has two of one id: only the end of the later one shuts it out.
        """
        last: dict[str, float] = {}
        for each in self._in_time().values():
            last[each.caller.name] = max(each.ends, last.get(each.caller.name, -math.inf))
        return min(last.values(), default=math.inf)

    def start(self) -> None:
        """Say what is required, and begin to look for changes, in a thread of its own."""
        _LOG.info(
            "access control is on: %d keys, %d issuers of tokens",
            len(self._all),
            len(self._policy_file.content.issuers),
        )
        if not self._all and self._tokens is None:
            _LOG.warning("there are no keys and no issuers yet: every request but probes is refused")
        self._watch = threading.Thread(target=self._look, name="ekiben-access", daemon=True)
        self._watch.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        if self._watch is not None:
            self._watch.join(timeout=1)

    def refresh(self) -> None:
        """Look once: at the clock, the files, and the addresses whose time has come."""
        self._clock.follow()
        if self._key_file.refresh():
            self._all = keys.grants(self._key_file.content)
        self._ring = self._ring.renewed(self._in_time())
        changed, wanted = self._policy_file.refresh(), self._unknown_key
        self._unknown_key = False
        for found in self._sets.values():
            again = found.refresh(wanted=wanted) if isinstance(found, WatchedAddress) else found.refresh()
            changed = again or changed
        if changed:
            self._tokens = self._verifier()

    def _look(self) -> None:
        while True:  # at once: addresses were not asked yet
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - the pod must go on with what it knows
                _LOG.exception("access control was not refreshed; what was read before stays in force")
            if self._closed.wait(self._look_seconds):
                return

    def _in_time(self) -> Mapping[bytes, Grant]:
        """Grants of the keys that are valid now."""
        return {
            digest: each for digest, each in self._all.items() if self._clock.within(each.begins, each.ends)
        }

    def _verifier(self, *, strict: bool = False) -> Tokens | None:
        """Make a verifier of the sets that the policy names; those that are known are kept.

        Raises:
            ConfigError: `strict`, and a file of keys is wrong.
        """
        found = self._policy_file.content
        sets: dict[str, _KeySets] = {}
        for issuer in found.issuers:
            place = issuer.jwks_url or issuer.jwks_file
            sets[place] = self._sets.get(place) or sets.get(place) or self._set(issuer, strict=strict)
            if not sets[place].content and not _coming(sets[place]):
                _LOG.warning("%s: no keys of %s yet: its tokens are refused", place, issuer.name)
        self._sets = sets
        known = {issuer.name: sets[issuer.jwks_url or issuer.jwks_file].content for issuer in found.issuers}
        addresses = tuple(each for each in sets.values() if isinstance(each, WatchedAddress))
        if not known:
            return None
        return Tokens(found, known, self._clock, self._wanted, lambda: any(map(_coming, addresses)))

    def _set(self, issuer: policy.Issuer, *, strict: bool) -> _KeySets:
        none: jwks.KeySet = {}
        if issuer.jwks_url:
            return WatchedAddress(issuer.jwks_url, jwks.parse, none, fetch=self._get, clock=self._steady)
        return WatchedFile(self._folder / issuer.jwks_file, jwks.parse, none, strict=strict)

    def _wanted(self) -> None:
        self._unknown_key = True


def _coming(found: _KeySets) -> bool:
    """Whether a set may still come from an address that was never asked to the end."""
    return isinstance(found, WatchedAddress) and not found.tried
