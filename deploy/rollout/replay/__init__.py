"""Traffic for rehearsals: people look up, react and rate through the gateway."""

from deploy.rollout.replay.player import Player, Replayed
from deploy.rollout.replay.script import Script, Visit, from_ratings, load_script

__all__ = ["Player", "Replayed", "Script", "Visit", "from_ratings", "load_script"]
