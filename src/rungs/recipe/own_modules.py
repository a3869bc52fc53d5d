"""A user's own components and modifications, from the Python modules that a study names.

Loading a module runs it: a study is trusted as far as the modules that it names. What a module
``mine.py`` defines is called ``mine:name`` everywhere. The hash of its source is the version of its
components, so that a changed module never passes for the one that a run was made with.
"""

import contextlib
import hashlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rungs.foundation import values
from rungs.foundation.errors import OwnModuleError
from rungs.foundation.wording import shown, what_happened
from rungs.recipe import components, modifications
from rungs.recipe.components import Network, kinds
from rungs.recipe.components.core import (
    Component,
    forget_components,
    module_components,
    owned_components,
)
from rungs.recipe.modifications.registry import (
    Modification,
    forget_modifications,
    owned_modifications,
)

_loaded: dict[str, "OwnModule"] = {}
_OURS = Path(__file__).parents[1]
_STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])

# What modules of one's own imported before there was `rungs.extend`. A module's source is part of
# its runs' keys: to change an import line would be to train them all again.
_FORMER_NAMES = {
    "rungs.components": components,
    "rungs.modifications": modifications,
    "rungs.values": values,
}


@dataclass(frozen=True)
class OwnModule:
    """A loaded module of a user's.

    Attributes:
        name: that of its file, which stands before its components' and modifications' own.
        path: of its file.
        version: 16 hex digits of the sha256 of its source.
    """

    name: str
    path: Path
    version: str

    @property
    def components(self) -> tuple[type[Component], ...]:
        """What it defines for recipes, in the order of definition."""
        return owned_components(self.name)

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """What it defines for studies, by name."""
        return owned_modifications(self.name)


@dataclass(frozen=True)
class Source:
    """A module as it travels to where it is run.

    Attributes:
        path: of its file where it was read; elsewhere no more than a name for messages.
        text: of the file; bytes that are no UTF-8 are lone surrogates.
    """

    path: str
    text: str

    @staticmethod
    def read(path: Path) -> "Source":
        """The file as it is now.

        Raises:
            OwnModuleError: it cannot be read.
        """
        text = _content(path).decode("utf-8", "surrogateescape")
        return Source(str(path.absolute()), text)

    def load(self) -> OwnModule:
        """Runs it, see `load_module`; the file is not looked at.

        Raises:
            OwnModuleError: what went wrong in it and where.
        """
        return load_module(Path(self.path), self.text.encode("utf-8", "surrogateescape"))


def load_module(path: Path, source: bytes | None = None) -> OwnModule:
    """Runs a module, unless just this source was run before; another of its name is forgotten.

    Args:
        path: of its file.
        source: what is in the file; None to read it.

    Raises:
        OwnModuleError: it cannot be read, or what went wrong in it and where.
    """
    name = path.stem
    if path.suffix != ".py" or not name.isidentifier():
        raise OwnModuleError(
            f"expected a Python file with a name such as 'mine.py', found {shown(str(path))}"
        )
    if name in kinds(Network):
        raise OwnModuleError(f"{path}: {shown(name)} is the name of a library; rename the file")
    if source is None:
        source = _content(path)
    module = OwnModule(name, path.absolute(), hashlib.sha256(source).hexdigest()[:16])
    if _loaded.get(name) == module:
        return module
    forget_module(name)
    _run(module, source)
    _loaded[name] = module
    return module


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OwnModuleError(f"{path} cannot be read: {error.strerror}") from error


def load_modules(paths: Sequence[Path]) -> tuple[OwnModule, ...]:
    """Every module in order.

    Raises:
        OwnModuleError: of the first that cannot be loaded.
    """
    return tuple(load_module(path) for path in paths)


def forget_module(name: str) -> None:
    """Takes what a module defined out of seams and catalogue, if it was loaded."""
    _loaded.pop(name, None)
    forget_components(name)
    forget_modifications(name)


def function_of(name: str) -> tuple[OwnModule, Callable[..., object]]:
    """A function of a module that is loaded, by a name such as ``mine:pictures``, and the module.

    Raises:
        OwnModuleError: no such module is loaded, or it defines no such function.
    """
    stem, _, own = name.partition(":")
    module = _loaded.get(stem)
    if module is None:
        raise OwnModuleError(
            f"{shown(name)} is in no module that is named; expected `{stem}.py` in `modules`"
        )
    function = vars(sys.modules[_live_name(stem)]).get(own)
    if not callable(function):
        raise OwnModuleError(f"{module.path.name} defines no function {shown(own)}")
    return module, function


def loaded_files() -> tuple[Path, ...]:
    """The files of all modules that are loaded."""
    return tuple(module.path for module in _loaded.values())


def blamed(error: BaseException) -> str | None:
    """A sentence, if an error came out of a user's module that is loaded; else None."""
    files = {str(module.path): module.path.name for module in _loaded.values()}
    frames = traceback.extract_tb(error.__traceback__)
    file = next((files[f.filename] for f in reversed(frames) if f.filename in files), None)
    return file and f"a module of your own failed: {what_happened(error, file)}"


def not_ours(error: BaseException) -> str | None:
    """A sentence, if an error arose in code that is not Rungs'; None if it is a bug of ours.

    A user's module is named where it has a part in it (`blamed`). Else what counts is where the
    error was raised, or called Python's own library: in another library, as in torch inside of
    a network's forward pass, or in Rungs.
    """
    said = blamed(error)
    if said is not None:
        return said
    frames = traceback.extract_tb(error.__traceback__)
    where = next((f for f in reversed(frames) if not _is_pythons(f.filename)), None)
    if where is None or Path(where.filename).is_relative_to(_OURS):
        return None
    place = "/".join(Path(where.filename).parts[-3:])
    return f"{what_happened(error, '')}, raised in {place}, line {where.lineno}"


def _is_pythons(file: str) -> bool:
    """Whether a file is of Python's own library, or none at all."""
    path = Path(file)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return file.startswith("<") or (path.is_relative_to(_STANDARD_LIBRARY) and not installed)


def _live_name(name: str) -> str:
    return f"rungs_own_{name}"


def _run(module: OwnModule, source: bytes) -> None:
    """Runs it under a name that is not in anyone's way."""
    live = ModuleType(_live_name(module.name))
    live.__file__ = str(module.path)
    for name, module_of_today in _FORMER_NAMES.items():
        sys.modules.setdefault(name, module_of_today)
    sys.modules[live.__name__] = live  # where dataclasses look up annotations
    try:
        # What it prints is not the answer of a command, which a program may read.
        with (
            contextlib.redirect_stdout(sys.stderr),
            module_components(module.name, module.version),
        ):
            exec(compile(source, str(module.path), "exec"), vars(live))
    except (Exception, SystemExit) as error:  # a module that ends itself is read only in part
        forget_module(module.name)
        raise OwnModuleError(_describe(module.path, error)) from error


def _describe(path: Path, error: BaseException) -> str:
    """What happened, and the line of the user's own file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path.name}{f', line {error.lineno}' if error.lineno else ''}: {error.msg}"
    said = what_happened(error, path.name)
    return said if said.startswith(path.name) else f"{path.name}: {said}"
