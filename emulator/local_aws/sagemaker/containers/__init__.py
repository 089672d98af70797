"""Containers without Docker: programs, their logs, the objects they read and write."""
