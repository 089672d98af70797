"""Modules that have no stand-in are the real ones."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
