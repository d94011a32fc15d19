"""The load test: requests at intended times, each answer checked, all of it measured; `generator` runs it."""
