"""The seeded faults of access control: keys, tokens, issuers."""

from __future__ import annotations

from tests.torture.pod.faults import Fault

_ACCESS = "tests/unit/serving/access"
_MATRIX, _DOOR, _ADDRESSES = (
    f"{_ACCESS}/test_matrix.py",
    f"{_ACCESS}/test_door.py",
    f"{_ACCESS}/test_addresses.py",
)

ACCESS = (
    Fault(
        "audience-unchecked",
        "a token for somebody else is refused",
        "access/tokens.py",
        "            audience=issuer.audiences,\n            options=_OPTIONS,\n",
        '            options={**_OPTIONS, "verify_aud": False},\n',
        (_MATRIX,),
    ),
    Fault(
        "issuer-unchecked",
        "a token of another issuer is refused",
        "access/tokens.py",
        "            issuer=issuer.name,\n",
        "",
        (_MATRIX,),
    ),
    Fault(
        "any-algorithm",
        "only the algorithms of the policy are taken",
        "access/tokens.py",
        "                if place[1] in issuer.algorithms:\n",
        "                if place:\n",
        (_MATRIX,),
    ),
    Fault(
        "crit-ignored",
        "a token that insists on something is refused",
        "access/tokens.py",
        '        if "crit" in header:\n',
        '        if "crit" not in "crit":\n',
        (_MATRIX,),
    ),
    Fault(
        "expired",
        "expired keys and tokens are refused",
        "access/door.py",
        "        if not self._clock.within(grant.begins, grant.ends):\n",
        "        if grant.begins == grant.ends:\n",
        (_MATRIX,),
    ),
    Fault(
        "every-group",
        "a caller may call its groups and no others",
        "access/door.py",
        "        if group not in grant.caller.groups:\n",
        "        if not group:\n",
        (_MATRIX,),
    ),
    Fault(
        "never-read-again",
        "changed keys are taken while the pod serves",
        "access/door.py",
        "        if self._key_file.refresh():\n",
        "        if not self._key_file:\n",
        (_DOOR,),
    ),
)

ISSUERS = (
    Fault(
        "any-key-without-id",
        "a token without key id is verified where one key is meant",
        "access/jwks.py",
        "    if len(usable) == 1:\n",
        "    if usable:\n",
        (_DOOR,),
    ),
    Fault(
        "no-key-without-id",
        "the only key of a set needs no key id",
        "access/jwks.py",
        "    if len(usable) == 1:\n",
        "    if not usable:\n",
        (_DOOR,),
    ),
    Fault(
        "start-waits-for-issuers",
        "a start waits for no issuer",
        "access/watched.py",
        "        self._fetched = self.tried = False\n        self.content = absent\n",
        "        self._fetched = self.tried = False\n        self.content = absent\n        self._ask()\n",
        (_ADDRESSES,),
    ),
    Fault(
        "no-back-off",
        "an issuer that is away is asked less and less often",
        "access/watched.py",
        "min(2 * self._wait, AGAIN_SECONDS)",
        "self._wait",
        (_ADDRESSES,),
    ),
    Fault(
        "refused-too-early",
        "who may be right while keys are fetched is told to come back",
        "access/tokens.py",
        "            if self._coming():\n",
        "            if not place:\n",
        (_ADDRESSES,),
    ),
    Fault(
        "kept-waiting",
        "after a failed fetch tokens are refused, not kept waiting",
        "access/door.py",
        "isinstance(found, WatchedAddress) and not found.tried",
        "isinstance(found, WatchedAddress) and not found.content",
        (_ADDRESSES,),
    ),
)

FAULTS: tuple[Fault, ...] = (*ACCESS, *ISSUERS)
