"""The command for modules of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from rungs.cli.options import JsonOption, answering, print_json
from rungs.foundation.errors import OwnModuleError


@answering
def check(
    module: Annotated[
        Path, typer.Argument(metavar="MODULE", help="A Python file, such as mine.py.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Check the components and modifications of a module of your own. This executes the module."""
    from rungs.recipe.own_modules import load_module
    from rungs.testing import check_module

    found = check_module(load_module(module))
    if not found:
        raise OwnModuleError(f"{module} defines no component and no modification")
    if as_json:
        print_json({name: list(problems) for name, problems in found.items()})
    else:
        for name, problems in found.items():
            typer.echo(f"{name}: {'; '.join(problems) or 'keeps its promises'}")
    broken = [name for name, problems in found.items() if problems]
    if broken:
        raise OwnModuleError(f"{len(broken)} of {len(found)} break promises: {', '.join(broken)}")
