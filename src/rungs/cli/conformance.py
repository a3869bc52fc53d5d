"""The command for modules of one's own, and for engines."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rungs.cli.options import AddressOption, JsonOption, answering, print_json
from rungs.foundation.errors import OwnModuleError, RungsError, UsageError


@answering
def check(
    module: Annotated[
        Path | None, typer.Argument(metavar="MODULE", help="A Python file, such as mine.py.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", metavar="NAME", help="An engine instead of a module."),
    ] = None,
    address: AddressOption = None,
    times: Annotated[
        int,
        typer.Option(
            "--times", min=1, max=1000, help="How often an engine's workers, nodes ... are killed."
        ),
    ] = 2,
    as_json: JsonOption = False,
) -> None:
    """Check the components and modifications of a module of your own, or what an engine promises.

    A module is executed. An engine trains small runs on drawn images; its workers, the programs on
    its nodes and the process that asks are killed at random moments.
    """
    if (module is None) == (engine is None):
        raise UsageError("name a module to check, or an engine by --engine")
    if module is not None:
        _check_module(module, as_json=as_json)
    elif engine is not None:
        _check_engine(engine, address, times, as_json=as_json)


def _check_module(module: Path, *, as_json: bool) -> None:
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


def _check_engine(engine: str, address: str | None, times: int, *, as_json: bool) -> None:
    from rungs.testing.engines import check_engine

    problems = check_engine(engine, address, times=times, say=partial(typer.echo, err=True))
    if as_json:
        print_json({engine: list(problems)})
    elif not problems:
        typer.echo(f"{engine}: keeps its promises")
    if problems:
        raise RungsError(f"engine '{engine}' breaks promises:\n  " + "\n  ".join(problems))
