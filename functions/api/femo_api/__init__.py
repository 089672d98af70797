"""The HTTP API: submit jobs, read them, upload recordings."""
