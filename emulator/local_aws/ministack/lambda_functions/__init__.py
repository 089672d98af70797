"""Functions: their runtime, environments, logs and asynchronous invocations."""
