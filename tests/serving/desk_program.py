"""Sends what READMEs document to the bentos' services under BentoML's own application.

A program of its own: BentoML reads BENTOML_HOME once. Takes `{bento: [[path, body], ...]}` on stdin, gives
`{bento: [[status, answer], ...]}` on stdout; what a service does not declare has the status 404.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

import httpx
import yaml
from tests.serving.documented import ROOT


async def answers(service: Any, asked: list[list[Any]]) -> list[list[Any]]:
    """Status and answer of each request, from a service that was started and is stopped."""
    service.config["metrics"] = {"enabled": False}  # one registry holds those of one service
    application = service.to_asgi()
    transport = httpx.ASGITransport(app=application)
    found = []
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://desk") as client,
    ):
        for path, body in asked:
            reply = await client.post(path, json=body)
            found.append([reply.status_code, reply.json() if reply.status_code != 404 else None])
    return found


def service_of(bento: str) -> Any:
    """The BentoML service that `ekiben.yaml` names."""
    document = yaml.safe_load((ROOT / "bentos" / bento / "ekiben.yaml").read_text(encoding="utf-8"))
    module, _, name = document["bento"]["service"].partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    given = {bento: asyncio.run(answers(service_of(bento), wanted[bento])) for bento in wanted}
    sys.stdout.write(json.dumps(given))
