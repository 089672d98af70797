"""Invocations of endpoints and the queue of those that wait."""
