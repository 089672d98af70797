"""Answers jobs by the serverless endpoint, and sends on to the queue what it cannot answer."""
