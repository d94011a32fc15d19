-- Sends the bodies of a folder in turn and prints what was measured as one line of JSON.
-- BENCH_FOLDER holds `headers` (one per line) and the bodies `1` to BENCH_COUNT.
-- The values come by the environment: a key must not stand in an argument.

local requests, at = {}, 0

local function content(name)
  local file = assert(io.open(os.getenv("BENCH_FOLDER") .. "/" .. name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init()
  local headers = {}
  for name, value in content("headers"):gmatch("([^:\n]+): ([^\n]*)\n") do
    headers[name] = value
  end
  for number = 1, tonumber(os.getenv("BENCH_COUNT")) do
    requests[number] = wrk.format("POST", nil, headers, content(tostring(number)))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
