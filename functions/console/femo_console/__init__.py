"""Serves the console's files, and what it must know of the stack that it belongs to."""
