"""The version of what the engine computes: detections, features and labels of a recording."""

from __future__ import annotations

__all__ = ["METHOD_VERSION"]

METHOD_VERSION = 4
"""Raised whenever the same recording and settings give other detections or features than before.

Both feature caches are keyed on it and a model is refused by an engine of another version, so that
features of two methods never meet. A test holds the stored recordings' values against those that
were stored with this version; ``python -m scripts.store_method_values`` stores them for a new one.
"""
