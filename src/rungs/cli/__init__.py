"""The command line: each command parses, makes one call and prints."""

import io
import os
import sys
from typing import Annotated

import typer

from rungs.cli import (
    auditing,
    conformance,
    doctor,
    finding,
    judging,
    keeping,
    noting,
    recording,
    showing,
    starting,
    tracking,
    training,
    using,
    watching,
)
from rungs.cli.words import Words
from rungs.foundation.environment import WAITING, version_of_rungs
from rungs.foundation.startup import open_streams

app = typer.Typer(
    name="rungs",
    cls=Words,
    help="Take a base image classifier to a good one, one measured change at a time.",
    epilog="Example: rungs run quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rungs {version_of_rungs()}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command(epilog="Example: rungs init my-study --data photos")(starting.init)
app.command(epilog="Example: rungs plan cifar100 --budget own")(showing.plan)
app.command(epilog="Example: rungs run quickstart --seeds 2")(training.run)
app.command(
    "try", epilog="Example: rungs try cifar100 --on augmented 'label_smoothing(0.1)' --epochs 5"
)(training.try_)
app.command(epilog="Example: rungs lr quickstart --on base --updates 60")(training.lr)
app.command(epilog="Example: rungs status cifar100")(showing.status)
app.command(epilog="Example: rungs note cifar100 final@0 'on the old machine' --tag thesis")(
    noting.note
)
app.command("list", epilog="Example: rungs list --store runs")(finding.list_)
app.command(epilog="Example: rungs report cifar100 --format json > cifar100.json")(showing.report)
app.command(epilog="Example: rungs log quickstart logs --to tensorboard")(tracking.log)
app.command(epilog="Example: rungs watch quickstart")(watching.watch)
app.command("open", epilog="Example: rungs open quickstart")(finding.open_)
app.command(epilog="Example: rungs compare cifar100 final base --json")(showing.compare)
app.command(epilog="Example: rungs judge base.csv warmer.csv --labels labels.csv")(judging.judge)
app.command("import", epilog="Example: rungs import my-study.toml --from resnet@0 resnet@1")(
    recording.import_
)
app.command(epilog="Example: rungs unseal my-study.toml")(showing.unseal)
app.command(epilog="Example: rungs catalogue dropout")(showing.catalogue)
app.command(epilog="Example: rungs check mine.py")(conformance.check)
app.command(epilog="Example: rungs data cifar100 --data-dir ~/data")(showing.data)
app.command(epilog="Example: rungs predict quickstart:stacked photos/ --format jsonl")(
    using.predict
)
app.command(epilog="Example: rungs export quickstart:stacked --format onnx")(using.export)
app.command(epilog="Example: rungs doctor quickstart")(doctor.doctor)
app.command(epilog="Example: rungs audit cifar100 --json > audit.json")(auditing.audit)
app.add_typer(keeping.app, name="store")


def main() -> None:
    """The program ``rungs``."""
    open_streams()
    # Read by torch's threads when torch is imported; the user's own comes first.
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)
    # A file's name need not be text: it is shown with escapes, not as a traceback.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
