"""Runs MiniStack with what the template needs and MiniStack lacks, one module a gap."""
