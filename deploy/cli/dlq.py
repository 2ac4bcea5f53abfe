"""``marquee dlq``: look at refused records and replay them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from deploy.cli.output import AS_JSON, out, print_json, table, working
from deploy.cli.settings import load_settings, require_kafka
from deploy.data.dead_letters import DeadLetter, dlq_topics, read_dead_letters
from deploy.data.headers import from_ms
from deploy.moments import moment
from streaming.exceptions import NotFoundError

TOPIC = click.option("--topic", help="ratings, items or a full name; all by default")
REPLAYED = (
    "the dead letters stay where they are; what is refused again is one more beside the old one, and"
    " `marquee dlq list` says under times how often each record was refused"
)
DUMPED = 4_096
"""Bytes of a value that `show` prints."""


@click.group()
def command() -> None:
    """Look at refused records and replay them.

    \b
    Examples:
      marquee dlq list --topic ratings
      marquee dlq show ratings 3 17
      marquee dlq replay --all --dry-run
    """


@command.command("list")
@TOPIC
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="newest so many in the list"
)
@AS_JSON
def list_(topic: str | None, limit: int, as_json: bool) -> None:
    """Refused records by topic and reason, and the newest of them with their places.

    A record that is refused again, as after a replay, is a further dead letter: `times` says how often each
    was refused.

    \b
    Example:
      marquee dlq list --topic items --limit 10 --json
    """
    settings = require_kafka(load_settings())
    reasons: Counter[tuple[str, str]] = Counter()
    times: Counter[bytes] = Counter()
    newest: list[DeadLetter] = []
    with working("reading dead letters", as_json):
        for letter in read_dead_letters(settings, dlq_topics(settings, topic)):
            reasons[letter.topic, letter.reason] += 1
            times[letter.identity] += 1
            newest.append(letter)
            if len(newest) >= 4 * limit + 1_000:
                newest = sorted(newest, key=_when)[-limit:]
    newest = sorted(newest, key=_when)[-limit:][::-1]
    if as_json:
        counted = [{"topic": t, "reason": r, "count": n} for (t, r), n in reasons.most_common()]
        print_json(
            {
                "total": reasons.total(),
                "records": len(times),
                "reasons": counted,
                "newest": [letter_json(one) | {"times": times[one.identity]} for one in newest],
            }
        )
        return
    if not reasons:
        out().print("no dead letters")
        return
    rows = [(t, r, n) for (t, r), n in reasons.most_common()]
    out().print(table("dead letters", ("topic", "reason", "count"), rows, right=[2]))
    listed = [
        (
            one.topic,
            str(one.partition),
            str(one.offset),
            one.place,
            moment(one.refused_ms),
            times[one.identity],
            one.reason,
        )
        for one in newest
    ]
    out().print(
        table(
            "newest",
            ("topic", "partition", "offset", "came from", "refused at", "times", "reason"),
            listed,
            right=[5],
        )
    )
    if again := refused_again(times):
        out().print(again, markup=False, highlight=False, soft_wrap=True)


def refused_again(times: Counter[bytes]) -> str:
    """How many dead letters are of records that others are of as well; empty where there are none."""
    if times.total() == len(times):
        return ""
    return (
        f"{times.total():,} dead letters are of {len(times):,} records: some were sent or replayed again,"
        " and refused again"
    )


@command.command()
@click.argument("topic")
@click.argument("partition", type=int)
@click.argument("offset", type=int)
@AS_JSON
def show(topic: str, partition: int, offset: int, as_json: bool) -> None:
    """Show the dead letter at PARTITION and OFFSET of TOPIC's DLQ; bytes that do not print are escaped.

    \b
    Example:
      marquee dlq show ratings 3 17
    """
    settings = require_kafka(load_settings())
    with working("reading dead letters", as_json):
        for letter in read_dead_letters(settings, dlq_topics(settings, topic)):
            if (letter.partition, letter.offset) == (partition, offset):
                break
        else:
            raise NotFoundError(f"no dead letter of {topic} at partition {partition}, offset {offset}")
    plain = letter_json(letter)
    if as_json:
        print_json(plain)
    else:
        headers = [f"{name}: {value}" for name, value in plain.pop("headers").items()]
        plain["refused_at"] = moment(letter.refused_ms)
        rows = [(name, str(value)) for name, value in plain.items()] + [("headers", "\n".join(headers))]
        out().print(table("dead letter", ("what", "value"), rows))


@command.command()
@TOPIC
@click.option("--partition", type=int, help="of the DLQ")
@click.option("--offset", type=int, help="in that partition of the DLQ")
@click.option("--all", "everything", is_flag=True, help="every dead letter that is retained")
@click.option("--dry-run", is_flag=True, help="say what would be sent, send nothing")
@AS_JSON
def replay(
    topic: str | None,
    partition: int | None,
    offset: int | None,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send dead letters again as they came: bytes, headers, event time and ce_id. Twice is harmless.

    A film of which a newer valid version is there is passed over: the old one would replace it. Dead letters
    stay until their retention ends: what is refused again is one more, which `dlq list` counts under `times`.

    \b
    Examples:
      marquee dlq replay --topic ratings --partition 3 --offset 17
      marquee dlq replay --all --dry-run
    """
    from dataclasses import asdict

    from deploy.data.dead_letters import replay as send_again
    from deploy.data.interrupt import Interrupt

    if not (everything or topic):
        raise click.UsageError("say which: --topic (with --partition and --offset for one), or --all")
    if offset is not None and (partition is None or topic is None):
        raise click.UsageError("--offset needs --topic and --partition")
    settings = require_kafka(load_settings())
    # the ends are taken first: what is refused again meanwhile is not sent twice
    letters = [
        letter
        for letter in read_dead_letters(settings, dlq_topics(settings, topic))
        if partition in (None, letter.partition) and offset in (None, letter.offset)
    ]
    with Interrupt() as interrupt:
        result = send_again(settings, letters, dry_run, interrupt.check)
    if as_json:
        print_json(asdict(result) | {"dry_run": dry_run})
    else:
        title = "would be sent" if dry_run else "replayed"
        out().print(table(title, ("what", "count"), list(asdict(result).items()), right=[1]))
        if result.sent and not dry_run:
            out().print(REPLAYED, markup=False, highlight=False, soft_wrap=True)


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """For programs and people alike: bytes as text with what does not print escaped, cut if long."""
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "source_topic": letter.source_topic,
        "source_partition": letter.source_partition,
        "source_offset": letter.source_offset,
        "reason": safe_text(letter.reason.encode()),
        "refused_at": from_ms(letter.refused_ms).isoformat(),
        "key": safe_text(letter.key),
        "value": safe_text(letter.value),
        "value_bytes": len(letter.value or b""),
        "headers": {name: safe_text(value) for name, value in letter.headers},
    }


def safe_text(content: bytes | None) -> str | None:
    """Printable text of any bytes: a terminal does nothing but show it."""
    if content is None:
        return None
    text = content[:DUMPED].decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(content) <= DUMPED else f"{shown}... ({len(content)} bytes)"


def _when(letter: DeadLetter) -> tuple[int, str, int, int]:
    return letter.refused_ms, letter.topic, letter.partition, letter.offset
