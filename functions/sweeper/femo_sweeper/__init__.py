"""Sees to jobs of which nobody has heard."""
