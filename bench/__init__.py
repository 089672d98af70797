"""Benchmarks that anyone can run; every figure of the README comes from here."""
