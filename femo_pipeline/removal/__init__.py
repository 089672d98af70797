"""Takes a deployed stack away, with what its machines have made beside it."""
