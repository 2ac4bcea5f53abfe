"""Environment variables that are no settings: of the demo, of tools, of what runs without settings."""

from __future__ import annotations

from typing import NamedTuple


class Variable(NamedTuple):
    """``default`` is what holds where it is not set, in words where it is none."""

    name: str
    default: str
    description: str


VARIABLES = (
    Variable(
        "MARQUEE_CACHE",
        "`$XDG_CACHE_HOME/marquee`, else `~/.cache/marquee`",
        "what is fetched and computed once for all clones: jars, opened data, what frozen encoders say",
    ),
    Variable(
        "MARQUEE_PACKAGES",
        "",
        "folders of source packages, separated as PATH is, looked at before those that come with Marquee",
    ),
    Variable(
        "MARQUEE_ENGINE_THREADS",
        "as `marquee model tune` chose, else 1",
        "threads of the engine in each worker of TorchServe",
    ),
    Variable("DEMO_EXIT", "", "1: `make demo` and `make rollout-demo` stop the stack when they are done"),
    Variable(
        "DEMO_PORT_BASE",
        "the last one used here, else 8700",
        "first of the seven ports of the stack that `make demo` starts",
    ),
    Variable("DEMO_RATE", "8", "lookups a second of `make rollout-demo`"),
    Variable("DEMO_DATA", "shipped", "folder of the ratings and films that `make rollout-demo` plays"),
    Variable("JAVA_HOME", "the java of PATH", "Java 17 or newer, for Kafka and TorchServe"),
    Variable("COLUMNS", "200 in a file or a pipe", "width of tables"),
)
