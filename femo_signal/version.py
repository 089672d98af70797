"""The version of the package, for whatever must name it without loading the public face."""

__version__ = "0.1.0"
