"""Executions of state machines and their tasks."""
