"""Cases that run under MiniStack's own interpreter (see ../test_launcher.py)."""
