"""Rungs takes a base image classifier to a good one, one measured change at a time."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rungs")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"
