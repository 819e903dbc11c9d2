"""What this machine has, how fast it is, and which faults of its torch eigenlm goes around."""

from eigenlm.doctor.diagnosis import Diagnosis, examine

__all__ = ["Diagnosis", "examine"]
