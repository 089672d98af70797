"""Publishes how many jobs are in flight, which the endpoint's scaling must know."""
