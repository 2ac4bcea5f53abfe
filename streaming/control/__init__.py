"""Spaces, route and presence: what operators change and every process follows."""

from streaming.control.documents import MEAN, WEIGHTED, Policy, RouteDocument, SpaceDocument
from streaming.control.state import ControlState

__all__ = ["MEAN", "WEIGHTED", "ControlState", "Policy", "RouteDocument", "SpaceDocument"]
