"""Topics that are encrypted, and delivery to functions."""
