"""Optional libraries: what needs one says which command installs it."""

from importlib.util import find_spec

from rungs.errors import RungsError

# Extra -> the modules that it brings.
EXTRAS = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "parquet": ("pyarrow",),
    "timm": ("timm",),
}


def missing(extra: str) -> tuple[str, ...]:
    """The modules of an extra that are not installed."""
    return tuple(name for name in EXTRAS[extra] if find_spec(name) is None)


def require(extra: str, purpose: str) -> None:
    """Makes sure that an extra is there.

    Args:
        extra: a key of `EXTRAS`.
        purpose: what needs it, as the begin of a sentence.

    Raises:
        RungsError: a module is not installed; names the command that installs it.
    """
    lacking = missing(extra)
    if lacking:
        raise RungsError(
            f"{purpose} needs {', '.join(lacking)}, which is not installed: "
            f"`pip install 'rungs[{extra}]'`"
        )
