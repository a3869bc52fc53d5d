"""Reports: figures (`figures`) are gathered (`gather`), then shown (`show`) in every form.

In Python the room is also a function, ``rungs.report(study)``: what a study has found so far. See
`rungs.report.reported.report`, which it is, for its arguments.

Example:
    report = rungs.report("quickstart", no_test=True)
    print(report)
    report.write("report")
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rungs.report.reported import Report


class _Room(ModuleType):
    """A module that can be called: a function of the room's name would hide its modules."""

    @property
    def __signature__(self) -> object:
        from inspect import signature

        from rungs.report.reported import report

        return signature(report)

    def __call__(self, *args: Any, **kwargs: Any) -> "Report":
        from rungs.report.reported import report

        return report(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
