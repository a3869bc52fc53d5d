"""What a trained model says of itself: enough to build it again and to know its origin."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from rungs.data.spec import Bits, Ground
from rungs.foundation.errors import DataError, Mistake
from rungs.foundation.values import Epochs, Name, Positive, Text, expected
from rungs.foundation.wording import counted
from rungs.recipe import Recipe, unknown_kinds

_Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
_Side = Annotated[int, Field(strict=True, ge=1, le=4096)]


def _checked(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    channels, height, width = shape
    if channels not in (1, 3) or height != width:
        raise expected("1 or 3 channels, and a height that is the width")
    return shape


_ImageShape = Annotated[tuple[_Side, _Side, _Side], AfterValidator(_checked)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Card:
    """A trained model's card; exported files carry it as their metadata.

    Attributes:
        study: name of the study.
        name: of the rung or ensemble.
        run: key of the run whose weights these are; of several, the first.
        seed: of the study.
        epochs: length of that run.
        members: names of the weights: ``best`` alone, the snapshots of an ensemble, or the
            ``best`` of each of `runs`.
        data: name of the data set.
        class_names: index -> name.
        image_shape: channels, height, width.
        temperature: by which the model's log-probabilities are divided, fitted on validation.
        recipe: what was trained.
        rungs: version of the program.
        fit: how a picture that is not square becomes so, see `rungs.data.pictures.decoding.Form`.
        bits: the same, of grey pictures with 16 bits.
        ground: the same, where a picture is transparent.
        runs: of a deep ensemble, the keys of its members' runs; empty where one run has them all.
    """

    study: Name
    name: Name
    run: _Key
    seed: Annotated[int, Field(strict=True, ge=0)]
    epochs: Epochs
    members: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)]
    data: Text
    class_names: Annotated[tuple[Text, ...], Field(min_length=2, max_length=100_000)]
    image_shape: _ImageShape
    temperature: Positive
    recipe: Recipe
    rungs: Text
    fit: Literal["crop", "stretch"] = "crop"
    runs: Annotated[tuple[_Key, ...], Field(max_length=1000)] = ()
    bits: Bits = 16
    ground: Ground = "white"

    def to_metadata(self) -> dict[str, str]:
        """Each field as JSON: files of all formats keep texts by name."""
        plain = _CARD.dump_python(self, mode="json")
        return {name: json.dumps(value, ensure_ascii=False) for name, value in plain.items()}

    @staticmethod
    def from_metadata(metadata: Mapping[str, str]) -> "Card":
        """The inverse of `to_metadata`; the file may come from anybody.

        Raises:
            DataError: it is no card.
        """
        try:
            there = (name for name in _FIELDS if name in metadata or name not in _YOUNG)
            return _CARD.validate_python({name: json.loads(metadata[name]) for name in there})
        except ValidationError as error:
            if strange := unknown_kinds(error):
                raise DataError(
                    f"it was made with a component that is not here: {', '.join(strange)}; load "
                    "the module that defines it first: --module mine.py"
                ) from error
            first = error.errors(include_url=False)[0]
            place = Mistake(tuple(first["loc"]), "").place
            raise DataError(f"{_NOT_OURS}: {place}: {first['msg']}") from error
        except KeyError as error:
            raise DataError(f"{_NOT_OURS}: there is no {error}") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{_NOT_OURS}: it is not JSON") from error

    def __str__(self) -> str:
        members = f", {len(self.members)} members" if len(self.members) > 1 else ""
        epochs = counted(self.epochs, "epoch")
        return f"{self.study}:{self.name}, seed {self.seed}, {epochs}{members}"


_CARD: TypeAdapter[Card] = TypeAdapter(Card)
_FIELDS = tuple(field.name for field in dataclasses.fields(Card))
# Which files that were written before there were any lack.
_YOUNG = ("fit", "runs", "bits", "ground")
_NOT_OURS = "its metadata is not what this version of Rungs writes"
