"""What a function of the user's own returns: it is called once, and kept as arrays."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from rungs.data.kinds.core import Kind, Named, Resolved, Say
from rungs.data.kinds.folder import read
from rungs.data.pictures_spec import OwnForm, PicturesSpec
from rungs.foundation.errors import Mistake, OwnModuleError
from rungs.foundation.values import Text
from rungs.foundation.wording import shown
from rungs.recipe.own_modules import function_of


class ModuleSpec(OwnForm):
    """Pictures that a function of your own returns; reading the study calls it, once.

    It is called without arguments and returns what an `.npz` file would hold (arrays by name), or
    images and labels, or a data set as torchvision's are (`len` and items of a picture and a
    label, perhaps `classes`), or one of the latter two for each part, by its name. What it returned
    is kept in the cache until the module's source changes.

    Attributes:
        module: the function's name after that of its file, which `modules` names: `"mine:dataset"`.
        size: height and width in pixels that every picture is brought to.
        channels: 3 for colour, 1 for grey.
        fit: how a picture that is not square becomes so.
        validation: share of the training pictures that is cut off for validation.
        test: the same for the test part.
        seed: from which the split is drawn.
        leave_out: classes whose pictures are not used.
    """

    kind: Literal["module"] = "module"
    module: Text


def mistakes(form: ModuleSpec) -> list[Mistake]:
    """That there is no such function."""
    path = ("data", "module")
    if not all(word.isidentifier() for word in form.module.split(":", 1)) or ":" not in form.module:
        found = shown(form.module)
        return [Mistake(path, f"expected a name such as 'mine:dataset', found {found}")]
    try:
        function_of(form.module)
    except OwnModuleError as error:
        return [Mistake(path, str(error))]
    return []


def resolve(form: ModuleSpec, beside: Path, say: Say) -> Resolved:
    """Calls the function, unless that was done before, and looks at what it returned.

    Raises:
        DataError: it failed, or returned something else than pictures.
    """
    from rungs.data.pictures import resolve as look_at  # reads pictures
    from rungs.data.pictures.returned import arrays_of_function

    module, function = function_of(form.module)
    place = arrays_of_function(form.module, module, function, form.at(module.path), say)
    survey = look_at(form.at(place), beside, say=say, title=form.module)
    survey = replace(survey, kind=f"what {form.module} returned", place=module.path)
    return Resolved(survey.spec, survey)


# What pictures of a data set are brought to where no size was said.
_USUAL_SIZE = 32


def named(text: str, beside: Path, size: int | None, say: Say) -> Named | None:
    """A function in a Python file, such as ``mine.py:dataset``; its module is run."""
    from rungs.data.pictures.returned import arrays_of_function
    from rungs.data.pictures.source import written
    from rungs.recipe.own_modules import load_module

    file, _, function = text.rpartition(":")
    path = Path(file).expanduser().absolute()
    if path.suffix != ".py" or not function.isidentifier():
        return None
    load_module(path)
    form = ModuleSpec(module=f"{path.stem}:{function}", size=size or _USUAL_SIZE)
    module, call = function_of(form.module)
    place = arrays_of_function(form.module, module, call, form.at(path), say)
    return Named({"module": form.module}, place, form.module, (written(path, beside),))


KIND = Kind(
    form=ModuleSpec, spec=PicturesSpec, read=read, mistakes=mistakes, resolve=resolve, named=named
)
