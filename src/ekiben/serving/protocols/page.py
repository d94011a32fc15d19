"""The text of `/docs`: its frame, its style and its script. Python, because the image carries Python only."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --field: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; } h4 { margin: .8rem 0 .2rem; }
code, pre, textarea, input { font: 14px/1.4 ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
pre, textarea, input { background: var(--field); border: 1px solid var(--line); border-radius: 4px; }
pre, textarea, input { padding: .6rem; } textarea, input { width: 100%; box-sizing: border-box; }
pre { overflow-x: auto; max-height: 24rem; margin: .3rem 0; }
button { font: inherit; padding: .4rem 1.2rem; margin: .8rem 0; }
.route { padding: .35rem 0; border-bottom: 1px solid var(--line); } .route summary { cursor: pointer; }
label { display: block; margin-top: .8rem; } .quiet { opacity: .7; }
"""

SCRIPT: Final = """
"use strict";
const field = (id) => document.getElementById(id);
field("send").addEventListener("click", async () => {
  const answer = field("answer");
  const headers = {"Content-Type": "application/json"};
  if (field("key").value) { headers["X-API-Key"] = field("key").value; }
  answer.textContent = "...";
  try {
    const started = performance.now();
    const response = await fetch("predict", {method: "POST", headers, body: field("body").value});
    const text = await response.text();
    const took = (performance.now() - started).toFixed(1);
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: as it came */ }
    answer.textContent = `${response.status} ${response.statusText}, ${took} ms\\n\\n${shown}`;
  } catch (error) {
    answer.textContent = `no answer: ${error.message}`;
  }
});
"""

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Model $name</title>
<style>$style</style>
</head>
<body>
<h1>Model $name</h1>
<p>Version <code>$version</code>, artefact <code class="quiet">$sha256</code>.
The same as <a href="openapi.json">OpenAPI 3.1</a>.</p>
<h2>Inputs</h2>
<table><thead><tr><th>name</th><th>type</th><th>limits</th></tr></thead><tbody>$inputs</tbody></table>
<h2>Output</h2>
<p>$output</p>
<h2>Send a prediction</h2>
<label for="body"><code>POST /predict</code></label>
<textarea id="body" rows="12" spellcheck="false">$example</textarea>
<label for="key">API key, if the pod asks for one</label>
<input id="key" type="password" autocomplete="off">
<button id="send" type="button">Send</button>
<pre id="answer" aria-live="polite">The answer appears here.</pre>
<h2>Routes</h2>
$routes
<h2>Schemas</h2>
<p>JSON Schema 2020-12; <code>$$ref</code> names another one of them.</p>
$schemas
<script>$script</script>
</body>
</html>
"""
