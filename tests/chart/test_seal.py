"""What the pods demand of their model, as the chart tells them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.chart.conftest import Render
from tests.chart.test_access import environment, mounts, volume

from ekiben.errors import ToolError
from ekiben.serving.seal.policy import Policy

SIGNER = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="  # RFC 8410 section 10.1


def test_the_policy_reaches_the_pods(render: Render) -> None:
    """Signers, leave to unpickle and keys are read by the pod's own reader as they were set."""
    values = {"seal": {"signers": [SIGNER], "allowPickle": True, "encryption": {"secretName": "iris-model"}}}
    found = render(values)
    policy = Policy.read(environment(found))
    assert ([each.text for each in policy.signers], policy.pickle) == ([SIGNER], True)
    assert mounts(found.container)["seal"] == str(policy.keys)
    assert volume(found.pod, "seal")["secret"] == {"secretName": "iris-model", "defaultMode": 0o440}
    assert Policy.read(environment(render())) == Policy()


@pytest.mark.parametrize("seal", [{"allowPickle": True}, {"signers": ["AAAA"]}, {"signer": [SIGNER]}])
def test_a_policy_that_is_none(render: Render, seal: dict[str, Any]) -> None:
    """Pickles without signers, a key that is none and an unknown value are refused by Helm."""
    with pytest.raises(ToolError):
        render({"seal": seal})
