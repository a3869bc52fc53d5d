"""Rungs takes a base image classifier to a good one, one measured change at a time.

From Python:

    import rungs

    study = rungs.load_study("quickstart")  # a name, a file or a dict
    print(rungs.plan(study))                # what it would train
    report = rungs.run(study)               # trains the unfinished runs
    report.to_dataframe()
    model = rungs.load_model("quickstart:stacked")
    model.predict("photos/")
    rungs.judge(answers, labels)            # of models that were trained elsewhere
    rungs.record("mine.toml", "resnet", seed=0, predictions=test, validation=validation)

`help(rungs.run)` and so on tell of each function. They are imported when they are first used, so
that ``import rungs`` itself costs nothing.
"""

# As `typing` has it: `python -m rungs` should import nothing before it leaves the current folder.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from rungs.api import (
        compare,
        load_data,
        load_model,
        load_study,
        open_store,
        plan,
        record,
        run,
        unseal,
    )
    from rungs.extend import modification
    from rungs.report.judged import judge
    from rungs.report.reported import report

    __version__: str

# Name -> the module that has it; a room that is called itself has none.
_DOOR = {
    "compare": "rungs.api",
    "judge": "rungs.report.judged",
    "load_data": "rungs.api",
    "load_model": "rungs.api",
    "load_study": "rungs.api",
    "modification": "rungs.extend",
    "open_store": "rungs.api",
    "plan": "rungs.api",
    "record": "rungs.api",
    "report": None,
    "run": "rungs.api",
    "unseal": "rungs.api",
}

__all__ = [
    "__version__",
    "compare",
    "judge",
    "load_data",
    "load_model",
    "load_study",
    "modification",
    "open_store",
    "plan",
    "record",
    "report",
    "run",
    "unseal",
]


def __getattr__(name: str) -> object:
    """What the door gives, and ``__version__``, which takes a while to find: when asked for."""
    if name in _DOOR:
        from importlib import import_module

        module = _DOOR[name]
        if module is None:
            return import_module(f"rungs.{name}")
        return getattr(import_module(module), name)
    if name != "__version__":
        raise AttributeError(f"module 'rungs' has no attribute '{name}'")
    from rungs.foundation.environment import version_of_rungs

    return version_of_rungs()


def __dir__() -> list[str]:
    """The names that the door gives, and no other."""
    return sorted(__all__)
