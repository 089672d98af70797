"""Starts the training state machine from a terminal, follows it and tells how it ended."""
