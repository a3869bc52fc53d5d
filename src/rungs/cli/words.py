"""Words that a user may type for others: former names of options, and near ones of commands."""

from collections.abc import Collection, Sequence
from typing import Any

from typer.core import TyperGroup

# Former name of an option -> its name; read, and told nowhere.
_FORMER = {
    "--results": "--archive",
    "--split": "--unbundle",
    "--leave-one-out": "--ablate",
}

# What commands are called elsewhere, and what is near in meaning but not in spelling.
NEAR = {
    "train": "run",
    "fit": "run",
    "resume": "run",
    "start": "run",
    "new": "init",
    "create": "init",
    "show": "report",
    "results": "report",
    "summary": "report",
    "ls": "list",
    "studies": "list",
    "state": "status",
    "progress": "status",
    "ps": "status",
    "page": "open",
    "serve": "watch",
    "follow": "watch",
    "monitor": "watch",
    "live": "watch",
    "dashboard": "watch",
    "view": "open",
    "browse": "open",
    "diff": "compare",
    "tag": "note STUDY RUN --tag",
    "annotate": "note",
    "comment": "note",
    "versus": "compare",
    "ablate": "run STUDY --ablate",
    "unbundle": "run STUDY --unbundle RUNG",
    "prune": "store prune",
    "clean": "store prune",
    "gc": "store prune",
    "rebuild": "store rebuild",
    "reveal": "unseal",
    "modifications": "catalogue",
    "changes": "catalogue",
    "download": "data",
    "fetch": "data",
    "infer": "predict",
    "classify": "predict",
    "save": "export",
    "help": "--help",
    "version": "--version",
}


class Words(TyperGroup):
    """The commands, which read former names of options and know what near words mean."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that a line names, and the rest of the line by today's names."""
        word = args[0]
        if word not in self.commands and word in NEAR:
            ctx.fail(f"No such command '{word}'. Did you mean {NEAR[word]}?")
        name, command, rest = super().resolve_command(ctx, args)
        if command is None:
            return name, command, rest
        known = {option for parameter in command.params for option in parameter.opts}
        return name, command, _today(rest, known)


def _today(words: Sequence[str], known: Collection[str]) -> list[str]:
    """Words of a line, former names of a command's known options as they are called today."""
    found: list[str] = []
    for number, word in enumerate(words):
        if word == "--":  # what follows are arguments
            return [*found, *words[number:]]
        name, equals, value = word.partition("=")
        today = _FORMER.get(name)
        found.append(f"{today}{equals}{value}" if today in known else word)
    return found
