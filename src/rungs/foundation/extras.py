"""Optional libraries: what needs one says which command installs it."""

import warnings
from importlib import import_module
from importlib.util import find_spec

from rungs.foundation.environment import DISTRIBUTION
from rungs.foundation.errors import RungsError

# Extra -> the modules that it brings.
EXTRAS = {
    "docx": ("docx",),
    "explain": ("captum",),
    "hub": ("huggingface_hub", "pyarrow"),
    "mlflow": ("mlflow",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "pandas": ("pandas",),
    "parquet": ("pyarrow",),
    "ray": ("ray",),
    "slurm": ("submitit",),
    "tensorboard": ("tensorboard",),
    "timm": ("timm",),
    "wandb": ("wandb",),
}


def command(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def missing(extra: str) -> tuple[str, ...]:
    """The modules of an extra that are not installed."""
    return tuple(name for name in EXTRAS[extra] if find_spec(name) is None)


def broken(extra: str) -> str | None:
    """Why the modules of an extra, which are installed, cannot be imported; None if they can."""
    for name in EXTRAS[extra]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import_module(name)
        except Exception as error:  # of somebody else's code
            lines = str(error).splitlines() or [""]
            return f"{name}: {type(error).__name__}: {lines[0]}"
    return None


def require(extra: str, purpose: str, instead: str = "") -> None:
    """Makes sure that an extra is there.

    Args:
        extra: a key of `EXTRAS`.
        purpose: what needs it, as the begin of a sentence.
        instead: what does without it, as the end of one.

    Raises:
        RungsError: a module is not installed; names the command that installs it.
    """
    lacking = missing(extra)
    if lacking:
        are = "is" if len(lacking) == 1 else "are"
        raise RungsError(
            f"{purpose} needs {', '.join(lacking)}, which {are} not installed: `{command(extra)}`"
            + (f"; {instead}" if instead else "")
        )
