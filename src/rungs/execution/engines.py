"""The engines that there are, by name."""

from rungs.execution.engine import Engine, Site
from rungs.execution.local import LocalEngine
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import did_you_mean, shown

LOCAL = "local"
_ENGINES = {LOCAL: LocalEngine}


def open_engine(name: str, site: Site) -> Engine:
    """The engine of that name, for one study; it is used as a context.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in _ENGINES:
        known = ", ".join(sorted(_ENGINES))
        hint = did_you_mean(name, list(_ENGINES))
        raise UsageError(f"no engine is called {shown(name)}{hint}; there is: {known}")
    return _ENGINES[name](site)
