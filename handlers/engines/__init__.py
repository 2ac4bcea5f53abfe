"""Executable forms of a model behind one protocol, and the choice among them (DESIGN section 5)."""

from handlers.engines.base import Engine, Inputs, Outputs
from handlers.engines.choose import Candidate, candidates, choose_engine
from handlers.engines.parity import Parity, Probe, compare, load_probe, save_probe

__all__ = [
    "Candidate",
    "Engine",
    "Inputs",
    "Outputs",
    "Parity",
    "Probe",
    "candidates",
    "choose_engine",
    "compare",
    "load_probe",
    "save_probe",
]
