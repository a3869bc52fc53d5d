"""What may be wrong with a machine, a store or a study, and what to do about it."""

from rungs.study.doctor.diagnosis import Finding, Level
from rungs.study.doctor.machine import look_at_machine
from rungs.study.doctor.stores import look_at_store
from rungs.study.doctor.studies import look_at_study

__all__ = ["Finding", "Level", "look_at_machine", "look_at_store", "look_at_study"]
