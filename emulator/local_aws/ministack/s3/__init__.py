"""Buckets' properties and S3's answers."""
