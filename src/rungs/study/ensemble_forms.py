"""The form of ensembles in a study file, one table for each kind."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rungs.foundation.values import Name, Positive

Members = Annotated[int, Field(strict=True, ge=2, le=1000)]
Rivals = Annotated[tuple[str, ...], Field(max_length=50)]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SnapshotsForm(_Form):
    """A snapshot ensemble: the ends of the cosine cycles of one run (Huang et al., ICLR 2017).

    Attributes:
        name: not used by a rung or another ensemble.
        rung: whose recipe is trained, with cosine cycles as its schedule.
        rivals: other rungs as baselines. Those that are only tried on its rung and change
            nothing but the weight average are there anyway.
        cycles: number of snapshots; it must divide the rung's epochs in every budget.
        alpha0: learning rate at the start of each cycle.
    """

    kind: Literal["snapshots"] = Field("snapshots", json_schema_extra={"assumed": True})
    name: Name
    rung: str
    rivals: Rivals = ()
    cycles: Members = 5
    alpha0: Positive


class NoCycleForm(_Form):
    """Snapshots of one run of a rung as it is, evenly spaced, without cycles of the learning rate.

    Attributes:
        name: not used by a rung or another ensemble.
        rung: whose recipe is trained, unchanged, in a run of its own that keeps the snapshots.
        rivals: other rungs as baselines.
        members: number of snapshots, the last one after the last epoch; at most the rung's epochs.
    """

    kind: Literal["no_cycle"] = "no_cycle"
    name: Name
    rung: str
    rivals: Rivals = ()
    members: Members = 5


class SeedsForm(_Form):
    """A deep ensemble: runs of one rung that differ in their seed (Lakshminarayanan et al., 2017).

    Attributes:
        name: not used by a rung or another ensemble.
        rung: whose recipe is trained.
        rivals: other rungs as baselines.
        members: number of runs M. Seed s of the study is the ensemble of seeds s M to s M + M - 1,
            so that no two ensembles share a run; the rung's own runs are among them.
    """

    kind: Literal["seeds"] = "seeds"
    name: Name
    rung: str
    rivals: Rivals = ()
    members: Members = 5


def _with_kind(value: Any) -> Any:
    """Ensembles were once of one kind, and files do not name it."""
    return {"kind": "snapshots", **value} if isinstance(value, dict) else value


EnsembleForm = Annotated[
    Annotated[SnapshotsForm | NoCycleForm | SeedsForm, Field(discriminator="kind")],
    BeforeValidator(_with_kind),
]
