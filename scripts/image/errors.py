"""What ends a build or a push with one message."""

from __future__ import annotations


class ImageError(Exception):
    """The image cannot be built, pushed or named; the message says why and what to do."""
