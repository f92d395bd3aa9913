"""Whatever is changed in the audit log is found, and the first bad entry is named."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from processing import keys
from recovery import audit, audit_verification
from recovery.audit_verification import Reading
from recovery.models import AuditEntry, AuditHead
from tests.tampering import change, make_entries, overwrite, remove, without_triggers

pytestmark = pytest.mark.django_db
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
CHANGES = {
    "at": st.timedeltas(timedelta(days=-999), timedelta(days=999)),
    "actor": TEXT,
    "address": st.none() | st.ip_addresses().map(str),
    "action": TEXT,
    "session": st.none() | st.uuids(),
    "outcome": TEXT,
    "details": st.dictionaries(TEXT, JSON, max_size=3),
    "mac": st.binary(max_size=24),
}


def verified(exported: bytes | None = None) -> tuple[list[str], int | None]:
    """Verify the log and give the codes of its problems and the first bad entry."""
    reading = Reading(exported)
    codes = [problem.code for problem in reading.problems()]
    return codes, reading.first_bad


def is_whole() -> bool:
    """Say whether nothing is found."""
    return verified() == ([], None)


def test_log_is_whole_when_nobody_touched_it() -> None:
    macs = make_entries(3)

    reading = Reading()
    problems = list(reading.problems())

    assert (problems, reading.entries_count, reading.first_bad, reading.mac) == ([], 3, None, macs[-1])


def test_empty_log_is_whole() -> None:
    assert is_whole()


@pytest.mark.parametrize("column", [field.name for field in AuditEntry._meta.fields if not field.primary_key])
@hypothesis_settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_any_change_of_any_column_is_found(column: str, data: st.DataObject) -> None:
    with transaction.atomic():
        make_entries(1)
        audit.record("pause", actor="ines", session=uuid4(), details={"why": "lunch"}, address="::1")
        make_entries(1)
        stored = getattr(AuditEntry.objects.get(number=2), column)
        drawn = data.draw(CHANGES[column])
        changed = stored + drawn if column == "at" else drawn
        assume(changed != (bytes(stored) if column == "mac" else stored))
        change(2, **{column: changed})

        codes, first_bad = verified()

        transaction.set_rollback(True)
    assert codes != []
    assert first_bad == 2


@pytest.mark.parametrize("bit", range(0, 8 * keys.TAG_BYTES, 7))
def test_any_turned_bit_of_a_mac_is_found(bit: int) -> None:
    mac = bytearray(make_entries(3)[1])
    mac[bit // 8] ^= 1 << bit % 8

    change(2, mac=bytes(mac))

    assert verified()[1] == 2


def test_number_is_covered_by_the_mac() -> None:
    make_entries(1)
    with without_triggers():
        AuditEntry.objects.update(number=2)
    AuditHead.objects.update(**audit.head_columns(2, bytes(AuditEntry.objects.get().mac)))

    assert verified() == (["entries_removed"], 1)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_removed_entry_is_named(number: int) -> None:
    make_entries(5)

    remove(number)

    assert verified() == (["entries_removed"], number)


def test_removed_entries_are_named_in_one_sentence() -> None:
    make_entries(6)

    remove(3, 4, 5)

    assert [problem.text for problem in Reading().problems()] == ["Entries 3 to 5 were removed."]


def test_log_that_was_emptied_is_found() -> None:
    make_entries(3)

    remove(1, 2, 3)

    assert verified() == (["entries_removed"], 1)


def test_swapped_entries_are_found() -> None:
    make_entries(5)

    with without_triggers():
        for number, parked in ((2, 102), (3, 2), (102, 3)):
            AuditEntry.objects.filter(number=number).update(number=parked)

    assert verified() == (["entry_changed"] * 3, 2)


def test_closed_gap_is_found() -> None:
    make_entries(4)

    with without_triggers():
        AuditEntry.objects.filter(number=2).delete()
        AuditEntry.objects.filter(number=3).update(number=2)
        AuditEntry.objects.filter(number=4).update(number=3)

    codes, first_bad = verified()
    assert (codes[0], first_bad) == ("entry_changed", 2)


def test_entry_that_somebody_added_is_found() -> None:
    make_entries(2)

    AuditEntry.objects.create(
        number=3,
        at=AuditEntry.objects.get(number=2).at,
        action="pin",
        outcome="done",
        mac=b"x" * keys.TAG_BYTES,
    )

    assert verified()[1] == 3


def test_copy_of_an_entry_behind_the_last_is_found() -> None:
    make_entries(2)
    copy = AuditEntry.objects.get(number=2)
    copy.number = 3

    AuditEntry.objects.bulk_create([copy])

    assert verified()[1] == 3


def test_cut_tail_is_found_when_the_head_was_made_to_fit() -> None:
    macs = make_entries(5)
    remove(4, 5)

    AuditHead.objects.update(number=3, mac=macs[2])

    assert verified() == (["head_changed"], 4)


@pytest.mark.parametrize(
    "columns",
    [{"number": 2}, {"number": 4}, {"mac": b"x"}, {"tag": b""}, {"tag": b"x" * keys.TAG_BYTES}],
    ids=str,
)
def test_changed_head_is_found(columns: dict[str, Any]) -> None:
    make_entries(3)

    AuditHead.objects.update(**columns)

    assert verified()[1] == 4


def test_removed_head_is_found() -> None:
    make_entries(3)

    AuditHead.objects.all().delete()

    assert verified() == (["head_removed"], 4)


def test_older_head_in_place_of_the_head_is_found() -> None:
    make_entries(2)
    older = AuditHead.objects.values("number", "mac", "tag").get()
    make_entries(2)

    AuditHead.objects.update(**older)

    assert verified() == (["head_changed"], 5)


def test_entries_of_another_history_are_found_by_the_head() -> None:
    make_entries(2)
    with transaction.atomic():
        audit.record("pin", actor="somebody else")
        other = AuditEntry.objects.get(number=3)
        transaction.set_rollback(True)
    make_entries(1)

    remove(3)
    AuditEntry.objects.bulk_create([other])

    assert verified() == (["entry_changed"], 3)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda: AuditHead.objects.all().delete(), id="head removed"),
        pytest.param(lambda: AuditHead.objects.update(tag=b""), id="head changed"),
        pytest.param(lambda: remove(3), id="tail cut"),
        pytest.param(lambda: AuditHead.objects.update(**audit.head_columns(2, b"")), id="older head"),
    ],
)
def test_damage_of_the_end_is_still_found_after_the_next_act(damage: Callable[[], object]) -> None:
    make_entries(3)
    damage()

    make_entries(2)

    assert verified()[1] in (3, 4)


def test_number_of_a_removed_entry_is_not_given_again() -> None:
    make_entries(3)
    remove(3)

    make_entries(1)

    assert [problem.text for problem in Reading().problems()] == ["Entry 3 was removed."]
    assert AuditEntry.objects.order_by("number").values_list("number", flat=True).last() == 4


def test_next_act_does_not_believe_the_number_of_a_forged_head() -> None:
    make_entries(3)
    AuditHead.objects.update(number=2**63 - 1)

    make_entries(1)

    assert verified() == (["head_changed"], 4)


def test_older_copy_is_found_by_a_head_that_was_exported() -> None:
    macs = make_entries(2)
    older = AuditHead.objects.values("number", "mac", "tag").get()
    macs += make_entries(2)

    remove(3, 4)
    AuditHead.objects.update(**older)

    assert verified() == ([], None)
    assert verified(macs[1]) == ([], None)
    assert verified(macs[3]) == (["exported_head_missing"], None)


def test_entries_of_an_older_key_hold_while_it_is_listed(settings: Settings) -> None:
    old = settings.STOCKPROOF_CHECKPOINT_KEYS[0]
    make_entries(2)

    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", old]
    make_entries(2)
    listed = verified()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]
    problems = list(Reading().problems())

    assert listed == ([], None)
    assert [(problem.code, problem.number) for problem in problems] == [("key_unknown", 1)]
    assert problems[0].text == (
        f"Entry 1 was signed by key {keys.id_of(old).hex()}, which STOCKPROOF_CHECKPOINT_KEYS does not list."
    )


def test_head_of_an_unknown_key_is_said_to_be_so(settings: Settings) -> None:
    make_entries(1)

    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]

    assert verified() == (["key_unknown", "key_unknown"], 1)


@pytest.mark.vendor("sqlite")
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "'never'"),
        ("at", "7"),
        ("actor", "x'696e6573'"),
        ("action", "x'00'"),
        ("outcome", "x''"),
        ("session", "'x'"),
        ("address", "'nowhere'"),
        ("details", "'{\"n\"'"),
        ("details", "'[1]'"),
        ("details", "'{\"n\": NaN}'"),
        ("details", "'{\"n\": 1e999}'"),
        ("details", "replace(hex(zeroblob(50000)), '0', '[')"),
        ("mac", "'text'"),
        ("mac", "7"),
        ("mac", "x''"),
    ],
)
def test_value_of_a_wrong_kind_is_found_and_ends_nothing(column: str, value: str) -> None:
    make_entries(3)

    overwrite(2, column, value)

    reading = Reading()
    numbers = [problem.number for problem in reading.problems()]
    assert (numbers[0], reading.entries_count) == (2, 3)


@pytest.mark.vendor("sqlite")
@pytest.mark.parametrize("value", ["'last'", "2.5"])
def test_number_that_is_none_is_found_and_ends_the_reading(value: str) -> None:
    make_entries(3)

    overwrite(2, "number", value)

    assert verified()[1] == 2


@pytest.mark.vendor("sqlite")
@pytest.mark.parametrize("column", ["number", "mac", "tag"])
def test_head_of_a_wrong_kind_is_found_and_ends_nothing(column: str) -> None:
    make_entries(3)

    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE recovery_audithead SET {column} = 'x'")  # noqa: S608

    assert verified() == (["head_changed"], 4)
    make_entries(1)
    assert verified() == (["head_changed"], 4)


def test_log_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_verification, "PAGE_ENTRIES", 2)
    make_entries(5)

    assert verified() == ([], None)
    change(4, actor="nobody")
    assert verified() == (["entry_changed"], 4)


def test_act_during_the_reading_is_no_problem() -> None:
    make_entries(2)
    added = []

    def add_one_while_reading(execute: Any, sql: str, *rest: Any) -> Any:
        if "recovery_auditentry" in sql and not added:
            added.append(sql)
            make_entries(1)
        return execute(sql, *rest)

    reading = Reading()
    with connection.execute_wrapper(add_one_while_reading):
        problems = list(reading.problems())

    assert (problems, reading.entries_count) == ([], 3)
