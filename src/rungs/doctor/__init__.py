"""What may be wrong with a machine, a store or a study, and what to do about it."""

from rungs.doctor.findings import Finding, Level
from rungs.doctor.machine import look_at_machine
from rungs.doctor.stores import look_at_store
from rungs.doctor.studies import look_at_study

__all__ = ["Finding", "Level", "look_at_machine", "look_at_store", "look_at_study"]
