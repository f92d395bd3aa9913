"""The audit log: one row per act, in the act's transaction, chained, and refused to everyone who would change it."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from processing import keys
from processing.models import ProcessingSession, StepRefused
from processing.states import Status
from recovery import acts, audit
from recovery.audit_verification import Reading
from recovery.models import AuditEntry, AuditHead
from tests.databases import TRIGGERS
from tests.factories import make_session
from tests.people import statements
from tests.racing import overlap


@pytest.mark.django_db
def test_entry_keeps_what_was_done_and_follows_the_one_before() -> None:
    session = uuid4()

    first = audit.record("pause", actor="ines", session=session, details={"why": "lunch"}, address="::1")
    second = audit.record("resume", actor="ines", session=session)

    stored = AuditEntry.objects.get(number=1)
    assert (stored.actor, stored.action, stored.session) == ("ines", "pause", session)
    assert (stored.address, stored.outcome, stored.details) == ("::1", "done", {"why": "lunch"})
    assert (stored.at, bytes(stored.mac)) == (first.at, first.mac)
    assert audit.follows(stored, b"")
    assert audit.follows(AuditEntry.objects.get(number=2), first.mac)
    assert (AuditHead.objects.get().number, bytes(AuditHead.objects.get().mac)) == (2, second.mac)


@pytest.mark.django_db(transaction=True)
def test_record_is_refused_without_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError, match="belongs to its act's transaction"):
        audit.record("pause", actor="ines")

    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db
def test_record_is_refused_when_the_action_is_not_a_word_of_the_interface() -> None:
    with pytest.raises(ValueError, match="'nap' is not a valid Action"):
        audit.record("nap", actor="ines")


@pytest.mark.django_db(transaction=True)
def test_act_and_entry_are_stored_together() -> None:
    session = make_session()

    with audit.audited("pause", actor="ines", session=session.pk) as details:
        session.pause()
        details["photos"] = 3

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome, entry.details) == ("pause", "done", {"photos": 3})


@pytest.mark.django_db(transaction=True)
def test_entry_is_rolled_back_when_its_act_is() -> None:
    session = make_session()

    with pytest.raises(ZeroDivisionError):
        _pause_and_fail(session)

    session.refresh_from_db()
    assert (session.status, AuditEntry.objects.count()) == (Status.RUNNING, 0)
    assert AuditHead.objects.get().number == 0


def _pause_and_fail(session: ProcessingSession) -> None:
    with audit.audited("pause", actor="ines", session=session.pk):
        session.pause()
        raise ZeroDivisionError


@pytest.mark.django_db(transaction=True)
def test_act_is_rolled_back_when_its_entry_cannot_be_written() -> None:
    session = make_session()

    with pytest.raises(ValueError, match="not JSON compliant"):
        _pause_with_nan(session)

    session.refresh_from_db()
    assert (session.status, AuditEntry.objects.count()) == (Status.RUNNING, 0)


def _pause_with_nan(session: ProcessingSession) -> None:
    with audit.audited("pause", actor="ines", session=session.pk) as details:
        session.pause()
        details["rate"] = float("nan")


@pytest.mark.django_db(transaction=True)
def test_refusal_is_recorded_with_its_sentence() -> None:
    session = make_session()
    session.pause()

    with pytest.raises(StepRefused), audit.audited("pause", actor="ines", session=session.pk):
        session.pause()

    entry = AuditEntry.objects.get()
    assert entry.outcome == f"refused: Session {session.pk} cannot pause: it is paused."


@pytest.mark.django_db(transaction=True)
def test_act_inside_another_transaction_is_refused_because_its_refusal_could_be_lost() -> None:
    with (
        pytest.raises(RuntimeError, match="durable"),
        transaction.atomic(),
        audit.audited("pin", actor="ines"),
    ):
        pass


@pytest.mark.django_db(transaction=True)
def test_two_acts_at_once_are_two_entries_of_one_chain() -> None:
    one = transaction.atomic(lambda: audit.record("pin", actor="one"))
    other = transaction.atomic(lambda: audit.record("pin", actor="other"))

    overlap(one, other)

    first, second = AuditEntry.objects.order_by("number")
    assert [(first.number, first.actor), (second.number, second.actor)] == [(1, "one"), (2, "other")]
    assert audit.follows(first, b"")
    assert audit.follows(second, first.mac)
    assert second.at >= first.at


@pytest.mark.django_db(transaction=True)
def test_many_acts_of_two_people_at_once_are_one_chain_without_a_gap() -> None:
    def press_buttons(actor: str) -> None:
        session = make_session()
        for _ in range(5):
            acts.pause(session, actor=actor)
            acts.resume(session, actor=actor)
        connection.close()

    with ThreadPoolExecutor(2) as people:
        list(people.map(press_buttons, ["ines", "eve"], timeout=60))

    reading = Reading()
    assert (list(reading.problems()), reading.entries_count) == ([], 20)
    assert AuditEntry.objects.filter(actor="eve", outcome="done").count() == 10


@pytest.mark.django_db
def test_record_asks_four_queries_however_long_the_log_is() -> None:
    counted = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as captured:
            audit.record("pin", actor="ines")
        counted.append(len(statements(captured)))

    assert counted == [4, 4, 4]


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["update", "delete"])
def test_database_refuses_to_change_an_entry(change: str) -> None:
    audit.record("pin", actor="ines")
    entries = AuditEntry.objects.all()
    acts = {"update": lambda: entries.update(actor="nobody"), "delete": entries.delete}

    with pytest.raises(IntegrityError, match="The audit log is append-only"), transaction.atomic():
        acts[change]()

    assert AuditEntry.objects.get().actor == "ines"


@pytest.mark.django_db
@pytest.mark.vendor("sqlite")
def test_database_refuses_to_replace_an_entry() -> None:
    audit.record("pin", actor="ines")
    replace = "INSERT OR REPLACE INTO recovery_auditentry SELECT * FROM recovery_auditentry"

    with (
        pytest.raises(IntegrityError, match="The audit log is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(replace)

    assert AuditEntry.objects.get().actor == "ines"


@pytest.mark.django_db
@pytest.mark.vendor("postgresql")
def test_database_refuses_to_truncate_the_log() -> None:
    audit.record("pin", actor="ines")

    with (
        pytest.raises(IntegrityError, match="The audit log is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE recovery_auditentry")

    assert AuditEntry.objects.get().actor == "ines"


@pytest.mark.django_db(transaction=True)
def test_triggers_can_be_taken_away_by_the_migration_that_brought_them_and_brought_back() -> None:
    with audit.audited("pin", actor="ines"):
        pass

    with connection.schema_editor() as editor:
        TRIGGERS.drop_triggers(apps, editor)
    AuditEntry.objects.update(actor="eve")
    with connection.schema_editor() as editor:
        TRIGGERS.create_triggers(apps, editor)

    with pytest.raises(IntegrityError, match="The audit log is append-only"):
        AuditEntry.objects.update(actor="nobody")
    assert AuditEntry.objects.get().actor == "eve"


@pytest.mark.django_db
def test_head_is_added_by_the_migration_only_where_there_is_none() -> None:
    audit.record("pin", actor="ines")
    before = AuditHead.objects.values().get()

    TRIGGERS.add_head(apps, None)
    kept = AuditHead.objects.values().get()
    AuditHead.objects.all().delete()
    TRIGGERS.add_head(apps, None)

    assert kept == before
    assert (AuditHead.objects.get().number, audit.head_holds(AuditHead.objects.get())) == (0, True)


@pytest.mark.django_db
def test_head_of_the_empty_log_is_there_and_holds() -> None:
    head = AuditHead.objects.get()

    assert (head.number, bytes(head.mac), audit.head_holds(head)) == (0, b"", True)


@pytest.mark.django_db
def test_act_after_a_forged_head_does_not_hide_it() -> None:
    audit.record("pin", actor="ines")
    AuditHead.objects.update(tag=keys.sign("something else"))

    entry = audit.record("pin", actor="ines")

    first = AuditEntry.objects.get(number=1)
    assert not audit.follows(entry, first.mac)
    assert audit.follows(entry, first.mac, audit.SEAM)
    assert audit.head_holds(AuditHead.objects.get())


@pytest.mark.django_db
def test_act_goes_on_after_the_head_was_removed_and_does_not_hide_it() -> None:
    first = audit.record("pin", actor="ines")
    AuditHead.objects.all().delete()

    entry = audit.record("pin", actor="ines")

    assert (entry.number, audit.follows(entry, first.mac, audit.SEAM)) == (2, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:DB8::0001", "2001:db8::1"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::1"),
        ("unix:", None),
        ("", None),
        (None, None),
    ],
)
def test_address_is_kept_in_its_plain_form(given: str | None, kept: str | None) -> None:
    audit.record("login", actor="ines", address=given)

    stored = AuditEntry.objects.get()
    assert (stored.address, audit.follows(stored, b"")) == (kept, True)


@pytest.mark.django_db
def test_text_that_no_column_holds_is_spelled_out_and_cut() -> None:
    details = {"path\0": ["\udce9", {"session": uuid4()}], "n": 10**22, "x": 1e-300, "none": None}

    audit.record("pin", actor="\udce9" + "a" * 200, outcome="b\0" * 200, details=details)

    stored = AuditEntry.objects.get()
    assert stored.actor == "\\udce9" + "a" * 144
    assert stored.outcome == ("b\\x00" * 200)[:200]
    assert stored.details["path\\x00"] == ["\\udce9", {"session": str(details["path\0"][1]["session"])}]
    assert audit.follows(stored, b"")
