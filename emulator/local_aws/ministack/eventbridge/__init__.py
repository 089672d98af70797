"""Targets of rules."""
