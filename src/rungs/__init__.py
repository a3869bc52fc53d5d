"""Rungs takes a base image classifier to a good one, one measured change at a time."""


def __getattr__(name: str) -> str:
    """``__version__``, which takes a while to find, when it is asked for."""
    if name != "__version__":
        raise AttributeError(f"module 'rungs' has no attribute '{name}'")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rungs")
    except PackageNotFoundError:  # a source tree that is not installed
        return "0+unknown"
