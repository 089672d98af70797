"""Finds what happens in a recording: evidence, candidates, body movement, hiccups."""
