"""From the blocks of a file to band-passed signals, and when each of them can be judged."""
