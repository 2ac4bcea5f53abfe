"""Each protection: what it protects from, how to switch it off, and the test that must then fail.

A protection is one function or method of the product; its mutant is a replacement defined in
``tests/faults/replacements.py`` under the protection's name. Nothing of this is reachable from the product.
A test that fails elsewhere than where its protection shows has not caught the mutant: ``fails`` says where.
"""

from __future__ import annotations

from dataclasses import dataclass

VARIABLE = "MARQUEE_TEST_MUTANT"
"""Names the protection that the processes of a test run without."""


@dataclass(frozen=True)
class Protection:
    """``target`` is ``module:attribute[.attribute]``; ``test`` a pytest node id.

    ``fails`` is a regular expression found in the message of the assertion that must fail.
    """

    name: str
    what: str
    target: str
    test: str
    fails: str


_ONCE = "tests/integration/ledger/test_exactly_once.py::"
_LIMITS = "tests/integration/ledger/test_limits.py::"
_LOCAL = "tests/integration/ledger/test_local_state.py::"
_PLACED = "tests/integration/ledger/test_placed_faults.py::"

_MILVUS = "tests/integration/stack/test_milvus_server.py::"
_INDEXER = "tests/integration/space/test_indexer.py::"
_ROWS = "tests/integration/space/test_rows.py::"
_FILMS = "tests/integration/pipeline/test_films.py::"
_SPACE_FAULTS = "tests/integration/space/test_faults.py::"

PROTECTIONS: tuple[Protection, ...] = (
    Protection(
        "ledger_offsets_in_transaction",
        "the ledger's source offsets are part of the transaction",
        "streaming.ledger.batches:Batch.commit",
        f"{_ONCE}test_kill_9_at_random_moments[3]",
        r"differences: ",
    ),
    Protection(
        "ledger_metadata_of_batch",
        "a commit is made under the group metadata of its batch",
        "streaming.ledger.process:Ledger._commit_metadata",
        f"{_PLACED}test_the_commit_of_a_batch_that_another_has_committed_is_refused",
        r"what another had folded was overwritten",
    ),
    Protection(
        "catch_up_past_open_transactions",
        "a catch-up ends at the end of the log, not at the last stable offset",
        "streaming.kafka.offsets:catch_up_isolation",
        f"{_PLACED}test_a_take_over_waits_out_a_hanging_transaction",
        r"the take-over did not wait",
    ),
    Protection(
        "ledger_rewind_after_abort",
        "after an abort the ledger forgets and rewinds",
        "streaming.ledger.process:Ledger._aborted",
        f"{_ONCE}test_instances_join_and_leave",
        r"differences: ",
    ),
    Protection(
        "kafka_assigns_anew",
        "a partition that librdkafka has given up, out of range, is assigned anew",
        "streaming.kafka.seeking:assign_anew",
        f"{_LIMITS}test_a_partition_whose_log_expires_while_it_is_read_is_read_on_where_the_loss_is_accepted",
        r"records are not folded",
    ),
    Protection(
        "ledger_store_caught_up",
        "an old local store is caught up before it is believed",
        "streaming.ledger.takeover:load_start",
        f"{_LOCAL}test_a_damaged_local_store_is_never_believed[old]",
        r"differences: ",
    ),
    Protection(
        "space_vectors_loaded_first",
        "a space worker loads all vectors before it writes a row",
        "streaming.space.projector:Projector.vectors_complete",
        f"{_ROWS}test_a_restart_without_changes_writes_no_row",
        r"rows written although nothing had changed",
    ),
    Protection(
        "space_reconciler_of_users",
        "user rows are compared with what they should be, for ever",
        "streaming.space.reconciler:Reconciler.reconciles",
        f"{_SPACE_FAULTS}test_rows_changed_behind_our_back_are_mended_within_a_pass",
        r"'(users: |profile of )",
    ),
    Protection(
        "space_reconciler_of_items",
        "item rows are compared with what they should be, for ever",
        "streaming.space.reconciler:Reconciler.reconciles",
        f"{_SPACE_FAULTS}test_rows_changed_behind_our_back_are_mended_within_a_pass",
        r"'(items: |vector of )",
    ),
    Protection(
        "space_unread_removals",
        "films are compared with vectors where tombstones may be gone unread",
        "streaming.space.removals:UnreadRemovals.found",
        f"{_FILMS}test_a_film_goes_whose_tombstone_nobody_read_before_it_was_compacted_away",
        r"vector_without_item=\['|films removed whose tombstones are gone",
    ),
    Protection(
        "space_late_removals",
        "films are compared with vectors when an indexer has been far behind, too",
        "streaming.space.removals:UnreadRemovals.taken",
        f"{_INDEXER}test_a_film_goes_whose_tombstone_was_compacted_away_while_a_batch_waited",
        r"items: 0 missing, 1 orphans",
    ),
    Protection(
        "space_assigns_anew",
        "documents that a projector cannot read on are assigned anew, too",
        "streaming.kafka.seeking:assign_anew",
        f"{_SPACE_FAULTS}test_records_lost_before_they_are_read_cost_no_others",
        r"'users: |profile of ",
    ),
    Protection(
        "space_gives_way",
        "a space that is being filled gives way to the champion's films",
        "streaming.space.courtesy:Courtesy.goes",
        f"{_INDEXER}test_a_space_that_is_being_filled_gives_way_to_the_champions_films",
        r"the new space gives way",
    ),
    Protection(
        "milvus_write_lock",
        "our Milvus launcher lets one writing call in at a time",
        "deploy.stack.milvus:MilvusServer.command",
        f"{_MILVUS}test_nothing_acknowledged_is_lost",
        r"acknowledged rows are lost",
    ),
)
"""Every protection that a mutant switches off."""


def protection(name: str) -> Protection:
    """The protection of that name. Raises KeyError."""
    return {p.name: p for p in PROTECTIONS}[name]
