"""The benchmark's own arithmetic: no engine, no network."""
