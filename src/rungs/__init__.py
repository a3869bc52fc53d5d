"""Rungs takes a base image classifier to a good one, one measured change at a time.

From Python:

    import rungs

    study = rungs.load_study("quickstart")
    report = rungs.run(study)              # trains the unfinished runs
    model = rungs.load_model("quickstart:stacked")
    model.predict("photos/")
    rungs.judge(answers, labels)           # of models that were trained elsewhere

`rungs.api` documents each function, `rungs.report.judged` the last. They are imported when they
are first used, so that ``import rungs`` itself costs nothing.
"""

# As `typing` has it: `python -m rungs` should import nothing before it leaves the current folder.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from rungs.api import compare, load_model, load_study, open_store, run
    from rungs.extend import modification
    from rungs.report.judged import judge

    __version__: str

# Name -> the module that has it.
_DOOR = {
    "compare": "rungs.api",
    "judge": "rungs.report.judged",
    "load_model": "rungs.api",
    "load_study": "rungs.api",
    "modification": "rungs.extend",
    "open_store": "rungs.api",
    "run": "rungs.api",
}

__all__ = [
    "__version__",
    "compare",
    "judge",
    "load_model",
    "load_study",
    "modification",
    "open_store",
    "run",
]


def __getattr__(name: str) -> object:
    """What the door gives, and ``__version__``, which takes a while to find: when asked for."""
    if name in _DOOR:
        from importlib import import_module

        return getattr(import_module(_DOOR[name]), name)
    if name != "__version__":
        raise AttributeError(f"module 'rungs' has no attribute '{name}'")
    from rungs.foundation.environment import version_of_rungs

    return version_of_rungs()


def __dir__() -> list[str]:
    """The names that the door gives, for completion, and what every module has."""
    return sorted([*globals(), *__all__])
