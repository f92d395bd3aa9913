"""The guards that the mutation proof removes, one at a time, each with the test that must then fail."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One guard, what is put in the place of its text, and the named test; `only` chooses among its variants."""

    guard: str
    path: str
    old: str
    new: str
    test: str
    only: str = "sqlite"


BATCH, SESSION = "processing/models/batch.py", "processing/models/session.py"
COMMIT, RACES = "tests/models/test_commit.py", "tests/models/test_races.py"
BURIAL, TRIGGERS = "tests/test_burial.py", "recovery/migrations/0003_audit_triggers.py"
RESUME, UNDO = "tests/recovery/test_resume.py", "tests/recovery/test_undo.py"
BACK = "tests/recovery/test_going_back.py"

MUTANTS = [
    Mutant(
        "fence of a commit",
        BATCH,
        "pk=self.pk, status=BatchStatus.LEASED, lease=self.lease, processed=self.processed",
        "pk=self.pk, processed=self.processed",
        f"{COMMIT}::test_commit_writes_nothing_when_the_lease_was_taken_away",
    ),
    Mutant(
        "fence of a step",
        BATCH,
        "filter(pk=self.pk, status=old, lease=self.lease)",
        "filter(pk=self.pk, status=old)",
        "tests/models/test_batch.py::test_release_is_refused_when_the_batch_was_taken_away_and_claimed_again",
    ),
    Mutant(
        "fence of a scan's page",
        BATCH,
        "held = Batch.objects.filter(pk=self.pk, status=BatchStatus.LEASED, lease=self.lease)\n        if",
        "held = Batch.objects.filter(pk=self.pk)\n        if",
        "tests/test_scan.py::test_scan_writes_nothing_when_its_lease_is_lost",
    ),
    Mutant(
        "fence of a failure report",
        BATCH,
        "            self.release()\n            may_fail =",
        "            may_fail =",
        "tests/models/test_batch.py::test_fail_changes_nothing_when_the_lease_was_taken_away",
    ),
    Mutant(
        "fence of a comparison",
        "processing/similarity.py",
        "        batch.finish()\n",
        "        Batch.objects.filter(pk=batch.pk).update(status='done', worker=None)\n",
        "tests/test_similarity.py::test_comparison_writes_nothing_when_its_lease_was_taken_away",
    ),
    Mutant(
        "transaction of a commit",
        BATCH,
        "        with transaction.atomic():\n            ends = counters",
        "        if True:\n            ends = counters",
        f"{COMMIT}::test_commit_writes_nothing_when_the_seal_raises",
    ),
    Mutant(
        "a chunk that has landed is not written again",
        BATCH,
        "lease=self.lease, processed=self.processed\n",
        "lease=self.lease\n",
        f"{COMMIT}::test_commit_of_the_same_chunk_is_refused_when_it_has_landed",
    ),
    Mutant(
        "after a lost answer the rows are read first",
        "processing/runner.py",
        "if not (unsure and batch.has_landed()):",
        "if True:",
        "tests/test_runner_commits.py::test_lost_commit_answer_doubles_nothing",
    ),
    Mutant(
        "unique constraint of live results",
        "processing/migrations/0001_tables.py",
        'fields=("session", "position"),\n                name="one_live_result_per_photo"',
        'fields=("session", "position", "id"),\n                name="one_live_result_per_photo"',
        f"{COMMIT}::test_commit_writes_nothing_when_a_photo_has_a_live_result_already",
    ),
    Mutant(
        "lock of a claim",
        BATCH,
        "session = _sessions().lock(session_id)\n            workable",
        "session = _sessions().get(pk=session_id)\n            workable",
        f"{RACES}::test_claim_takes_nothing_when_a_pause_was_first",
        only="postgresql",
    ),
    Mutant(
        "lock of a batch's last commit",
        BATCH,
        "_sessions().lock(self.session_id) if ends or shift",
        "_sessions().get(pk=self.session_id) if ends or shift",
        f"{RACES}::test_two_last_batches_begin_one_comparison_when_they_end_together",
        only="postgresql",
    ),
    Mutant(
        "lock order: a recovery locks the batches that it takes away",
        SESSION,
        "filter(session=locked).select_for_update(no_key=True)",
        "filter(session=locked)",
        f"{RACES}::test_recover_goes_on_when_the_holder_gives_its_lease_back_meanwhile",
        only="postgresql",
    ),
    Mutant(
        "table of steps: what a step may leave",
        SESSION,
        "filter(pk=self.pk, stage__in=step.stages, hold__in=step.holds)",
        "filter(pk=self.pk)",
        "tests/test_states.py::test_session_step_leads_where_the_table_says_from_every_state",
    ),
    Mutant(
        "latch: set with the last parent's death",
        "processing/burial.py",
        "    session.latch()\n    return True",
        "    return True",
        f"{BURIAL}::test_session_is_latched_when_its_last_parent_is_buried",
    ),
    Mutant(
        "latch: no claim while it is set",
        "processing/models/session_set.py",
        "filter(hold=Hold.NONE, crashed_at=None)",
        "filter(hold=Hold.NONE)",
        "tests/models/test_batch.py::test_claim_is_refused_when_the_session_is_held_or_over",
    ),
    Mutant(
        "a dead process is buried once",
        "processing/burial.py",
        "if not Worker.objects.living().filter(pk=worker.pk).update(ended_at=Now()):",
        "if not Worker.objects.filter(pk=worker.pk).update(ended_at=Now()):",
        f"{BURIAL}::test_two_readers_bury_one_worker_once",
    ),
    Mutant(
        "burying takes the lease away",
        "processing/burial.py",
        "            batch.take_away()\n",
        "            batch.release()\n",
        f"{BURIAL}::test_workers_batch_is_queued_under_a_new_lease_when_it_is_buried",
    ),
    Mutant(
        "who was buried is refused",
        "processing/models/worker.py",
        "            Worker.objects.living()\n            .filter(pk=self.pk)",
        "            Worker.objects\n            .filter(pk=self.pk)",
        "tests/models/test_worker.py::test_buried_worker_can_neither_beat_nor_enter_a_lane_nor_end",
    ),
    Mutant(
        "silence takes three beats of the watcher too",
        "processing/worker.py",
        "if now - since < SILENT_BEATS * settings.HEARTBEAT_S:",
        "if False:",
        "tests/test_worker.py::test_far_process_is_dead_when_it_is_silent_by_the_database_and_over_three_beats",
    ),
    Mutant(
        "guarantee 9: quarantine only of who was alone in flight",
        "processing/burial.py",
        "return is_alone and bool(",
        "return bool(",
        f"{BURIAL}::test_photo_is_not_quarantined_when_it_was_never_alone_in_flight",
    ),
    Mutant(
        "guarantee 9: a death with the parent never counts",
        "processing/burial.py",
        "        if not with_parent:\n",
        "        if True:\n",
        f"{BURIAL}::test_death_together_with_the_parent_never_counts_against_a_photo",
    ),
    Mutant(
        "guarantee 9: three unexplained kills",
        "processing/burial.py",
        "UNEXPLAINED_KILLS_MAX = 3",
        "UNEXPLAINED_KILLS_MAX = 2",
        f"{BURIAL}::test_photo_is_quarantined_after_three_unexplained_kills_alone",
    ),
    Mutant(
        "guarantee 9: evidence of want of memory",
        "processing/burial.py",
        " if self._was_out_of_memory() else",
        " if False else",
        f"{BURIAL}::test_photo_is_quarantined_when_the_kernel_killed_its_worker_twice_for_want_of_memory",
    ),
    Mutant(
        "the dead are buried before a command reads a status",
        "processing/management/base.py",
        "        readiness.require_tables()\n        detection.look()",
        "        readiness.require_tables()",
        "tests/crash/test_parent_deaths.py::test_restarted_serve_never_goes_on_with_an_interrupted_session",
    ),
    Mutant(
        "recorders that a kill has left are removed",
        "recovery/detection.py",
        "    recorder.remove_strays(Worker.objects.all().living_tokens)\n",
        "",
        "tests/recovery/test_detection.py::test_look_removes_a_recorder_whose_process_was_killed_before_it_had_a_row",
    ),
    Mutant(
        "attempt: a recovery compares the number that was shown",
        "recovery/resume.py",
        "if session.attempt != request.attempt:",
        "if False:",
        f"{RESUME}::test_stale_request_is_refused_and_recorded",
    ),
    Mutant(
        "a recovery verifies what it builds on",
        "recovery/resume.py",
        "    require_safe(session, _kept_in_part(session, selection))\n",
        "",
        f"{RESUME}::test_changed_verdict_stops_what_would_build_on_it",
    ),
    Mutant(
        "superseding voids the checkpoints above",
        "recovery/resume.py",
        "covering.filter(last_result__gte=change.lowest).update(voided_by=number)",
        "covering.none().update(voided_by=number)",
        f"{BACK}::test_going_back_to_a_checkpoint_puts_aside_what_is_newer_and_voids_what_covers_it",
    ),
    Mutant(
        "a damaged checkpoint is refused",
        "recovery/resume.py",
        "    problem = problem_of(checkpoint)\n",
        "    problem = None\n",
        f"{BACK}::test_damaged_checkpoint_is_refused",
    ),
    Mutant(
        "an undo fences who is at it",
        "recovery/undo.py",
        "    fence(locked)\n",
        "",
        f"{UNDO}::test_undo_fences_who_is_at_it",
    ),
    Mutant(
        "an undo verifies the rows that come back",
        "recovery/undo.py",
        "    _require_authentic(undo, verified)\n",
        "",
        f"{UNDO}::test_undo_changes_nothing_when_a_row_that_would_come_back_was_changed",
    ),
    Mutant(
        "an undo verifies again what moved since",
        "recovery/undo.py",
        "verified is None or (verified.attempt, verified.number) != (undo.session.attempt, undo.number)",
        "verified is None",
        f"{UNDO}::test_undo_verifies_again_when_the_session_has_moved_on_since",
    ),
    Mutant(
        "an undo puts aside before it takes back",
        "recovery/undo.py",
        "    aside = supersede(undo.made_since(), attempt.number)\n    back = revive(undo.put_aside())\n",
        "    back = revive(undo.put_aside())\n    aside = supersede(undo.made_since(), attempt.number)\n",
        f"{UNDO}::test_undo_brings_the_verdicts_of_before_back",
    ),
    Mutant(
        "seal check",
        "recovery/seal.py",
        'if not keys.holds(bytes(checkpoint.seal), "checkpoint seal", *_sealed(checkpoint)):',
        "if False:",
        "tests/recovery/test_seal.py::test_every_bit_of_a_sealed_row_that_is_turned_is_found",
        only="",
    ),
    Mutant(
        "a state is bound to its row",
        "recovery/seal.py",
        "    return keys.canonical([*identity, *columns, bytes(checkpoint.previous)])",
        "    return keys.canonical([len(identity), *columns, bytes(checkpoint.previous)])",
        "tests/recovery/test_seal.py::test_state_of_another_row_is_found_though_both_are_intact",
        only="",
    ),
    Mutant(
        "ledger: a missing checkpoint is missed",
        "recovery/chain.py",
        "    yield from _ledger_findings(session, {str(one.pk): one for one in stored})\n",
        "",
        "tests/recovery/test_chain.py::test_newest_checkpoint_of_each_other_type_is_missed",
    ),
    Mutant(
        "ledger: a checkpoint pinned by a hand",
        "recovery/chain.py",
        "        elif checkpoint.pinned and pk not in pinned:\n",
        "        elif False:\n",
        "tests/recovery/test_chain.py::test_checkpoint_that_a_hand_has_pinned_is_named",
    ),
    Mutant(
        "an undo notes what it discards",
        "recovery/integrity.py",
        "    if any(aside_problems(sums)):\n",
        "    if any(aside_problems(one for one in sums if not one.is_undone)):\n",
        "tests/recovery/test_discarding.py::test_discarded_row_is_missed_when_it_is_removed",
    ),
    Mutant(
        "an undo signs no loss",
        "recovery/discarding.py",
        "if batch.pk in kept_in_part or not keys.is_current(digest):",
        "if True:",
        "tests/recovery/test_discarding.py::test_row_that_was_missing_before_an_undo_is_missed_after_it",
    ),
    Mutant(
        "pruning leaves all while one is locked",
        "recovery/pruning.py",
        "\n  AND (SELECT count(*) FROM mine) = (SELECT count(*) FROM recovery_checkpoint WHERE {IMAGES})",
        "",
        "tests/recovery/test_keeping.py::test_prune_leaves_all_to_the_next_time_when_one_is_locked",
        only="postgresql",
    ),
    Mutant(
        "a row's mac",
        "recovery/batch_checks.py",
        "        return not row.is_authentic()\n",
        "        return False\n",
        "tests/recovery/test_batch_checks.py::test_changed_result_is_named_by_photo_and_row",
    ),
    Mutant(
        "a batch's digest",
        "recovery/batch_checks.py",
        "    return digest_holds(batch.digest, batch.pk, [(",
        "    return True or digest_holds(batch.digest, batch.pk, [(",
        "tests/recovery/test_batch_checks.py::test_duplicate_is_repairable_when_the_digest_says_which_row_is_true",
    ),
    Mutant(
        "audit trigger on SQLite",
        TRIGGERS,
        "BEFORE UPDATE ON recovery_auditentry",
        "BEFORE UPDATE ON recovery_auditentry WHEN 0",
        "tests/recovery/test_audit.py::test_database_refuses_to_change_an_entry",
    ),
    Mutant(
        "audit trigger on PostgreSQL",
        TRIGGERS,
        "BEFORE UPDATE OR DELETE OR TRUNCATE ON",
        "BEFORE TRUNCATE ON",
        "tests/recovery/test_audit.py::test_database_refuses_to_change_an_entry",
        only="postgresql",
    ),
    Mutant(
        "audit head",
        "recovery/audit.py",
        "    if not head_holds(head):\n",
        "    if False:\n",
        "tests/recovery/test_audit.py::test_act_after_a_forged_head_does_not_hide_it",
    ),
    Mutant(
        "lock of the audit head",
        "recovery/audit.py",
        "AuditHead.objects.select_for_update().get_or_create(pk=ONLY_HEAD)",
        "AuditHead.objects.get_or_create(pk=ONLY_HEAD)",
        "tests/recovery/test_audit.py::test_many_acts_of_two_people_at_once_are_one_chain_without_a_gap",
        only="postgresql",
    ),
    Mutant(
        "errors of the system are no verdicts",
        "processing/analysis/records.py",
        " or (isinstance(error, OSError) and error.errno is not None)",
        "",
        "tests/test_environment_errors.py::"
        "test_error_of_the_system_is_never_a_photos_verdict_when_a_decoder_meets_it",
        only="",
    ),
    Mutant(
        "guarantee 5: less than two chunks can be lost",
        "processing/runner.py",
        "        self._land_before_two_chunks(len(group))\n",
        "",
        "tests/test_runner_commits.py::"
        "test_death_would_discard_less_than_two_chunks_when_a_commit_takes_long",
    ),
    Mutant(
        "time limit of a photo, not of its source",
        "processing/runner.py",
        "with self.work.presence.off_the_clock():\n                    time.sleep",
        "if True:\n                    time.sleep",
        "tests/test_runner.py::test_photo_has_no_time_limit_while_its_source_is_waited_for",
    ),
    Mutant(
        "patience of a failing lane",
        "processing/tasks.py",
        "patiently(partial(_fail_held, presence, error), lambda: presence.wants_to_stop)",
        "_fail_held(presence, error)",
        "tests/test_tasks.py::"
        "test_session_fails_once_the_database_answers_again_when_a_lane_met_an_unexpected_error",
    ),
    Mutant(
        "waiting for a read-only database",
        "processing/worker.py",
        "(OperationalError, InterfaceError, InternalError)",
        "(OperationalError, InterfaceError)",
        "tests/crash/test_trouble.py::test_run_waits_and_goes_on_by_itself_when_the_database_is_read_only",
        only="postgresql",
    ),
    Mutant(
        "acts of many transactions let others write",
        "processing/turns.py",
        "            time.sleep(GAP_S)\n",
        "",
        "tests/test_turns.py::test_others_write_between_the_pages_of_an_act",
    ),
    Mutant(
        "SQLite waits for the disk",
        "config/databases.py",
        "PRAGMA synchronous=FULL;",
        "PRAGMA synchronous=OFF;",
        "tests/config/test_checks.py::test_checks_pass_on_a_durable_database",
    ),
]
