"""The table of docs/security.md: a line for each of the checklist, and each test that it names is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
LINES_COUNT = 35
# They wait for what the product does not do yet: archives, output folders, object stores, quotas, models.
WAITING = {6, 11, 12, 17, 32}
# Only a person, or a service outside of the repository, can look at them.
BY_HAND: set[int] = set()


def rows(text: str) -> dict[int, str]:
    """Give the last cell of each row of the table by its number."""
    found = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", text, re.MULTILINE)
    return {int(number): proof for number, proof in found}


def named_in(proof: str) -> set[str]:
    """Give the tests that a cell names."""
    return set(re.findall(r"`(test_\w+)`", proof))


def all_tests() -> set[str]:
    """Give every test of the repository."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_table_has_each_line_once_with_a_test_or_what_it_waits_for() -> None:
    proofs = rows(PAGE.read_text())

    assert list(proofs) == list(range(1, LINES_COUNT + 1))
    assert {number for number, proof in proofs.items() if not named_in(proof)} == BY_HAND | {12, 17, 32}
    assert {number for number, proof in proofs.items() if "Waits for" in proof} == WAITING


def test_every_test_that_the_table_names_is_there() -> None:
    named = {name for proof in rows(PAGE.read_text()).values() for name in named_in(proof)}

    assert sorted(named - all_tests()) == []


def test_table_is_read_with_its_numbers_and_tests() -> None:
    text = "| # | What | Proof |\n| 1 | a | `test_a_b`, `test_c` |\n| 2 | b | Waits for d. |\n"

    assert rows(text) == {1: "`test_a_b`, `test_c`", 2: "Waits for d."}
    assert named_in(rows(text)[1]) == {"test_a_b", "test_c"}
    assert "test_table_is_read_with_its_numbers_and_tests" in all_tests()
