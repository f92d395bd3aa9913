"""`python -m tests.crash.mutation [WORD]`: remove each guard in a copy of the tree, and see its named test fail.

Writes the table of `tests/crash/README.md` anew. With a word, only guards that contain it are tried, and no table is
written. The exit code says whether every mutant was found.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.mutants import MUTANTS, Mutant
from tests.crash.mutants_of_attendance import MUTANTS_OF_ATTENDANCE

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "tests" / "crash" / "README.md"
COPIED = ("config", "processing", "recovery", "templates", "tests", "manage.py", "pyproject.toml")
TABLE = re.compile(r"(<!-- mutants -->\n).*(<!-- /mutants -->)", re.DOTALL)
# A variant's name may have blanks in it; what the test died of may follow.
FAILED = re.compile(r"^FAILED [^\s\[]+(?:\[(.*?)\])?(?: - .*)?$", re.MULTILINE)
TESTS_FAILED, TIMEOUT_S = 1, 600
FOUND, SURVIVED = "found", "SURVIVED"


@dataclass(frozen=True)
class Trial:
    """What became of one mutant; `failed` are the variants of its test that failed."""

    mutant: Mutant
    verdict: str
    failed: tuple[str, ...]
    seconds: float

    @property
    def line(self) -> str:
        """Give the row of the table."""
        test = self.mutant.test.rpartition("/")[2]
        variants = ", ".join(self.failed)
        where = f"`{self.mutant.path}`"
        return f"| {self.mutant.guard} | {where} | `{test}` | {self.verdict}: {variants} |"


def main() -> int:
    """Try the mutants, say what became of each, and give an exit code."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [mutant for mutant in (*MUTANTS, *MUTANTS_OF_ATTENDANCE) if word in mutant.guard]
    with _copied_tree() as tree:
        _require_passing(tree, chosen)
        trials = list(_try_all(tree, chosen))
    if not word:
        README.write_text(
            TABLE.sub(lambda found: f"{found[1]}{_table(trials)}{found[2]}", README.read_text())
        )
    survivors = [trial for trial in trials if trial.verdict != FOUND]
    print(f"{len(trials)} mutants, {len(survivors)} not found")
    return int(bool(survivors))


def _try_all(tree: Path, mutants: Iterable[Mutant]) -> Iterator[Trial]:
    for mutant in mutants:
        trial = _try_one(tree, mutant)
        print(f"{trial.verdict:8} {trial.seconds:5.1f} s  {mutant.guard}", flush=True)
        yield trial


def _try_one(tree: Path, mutant: Mutant) -> Trial:
    """Change one text, run one test, and put the text back."""
    path = tree / mutant.path
    text = path.read_text()
    assert text.count(mutant.old) == 1, (
        f"{mutant.guard}: its text is {text.count(mutant.old)} times in {path}"
    )
    path.write_text(text.replace(mutant.old, mutant.new))
    begun = time.monotonic()
    try:
        run = _run(tree, mutant.only, mutant.test)
    finally:
        path.write_text(text)
    names = tuple(sorted({variant or "the test" for variant in FAILED.findall(run.stdout)}))
    verdict = FOUND if run.returncode == TESTS_FAILED and names else SURVIVED
    if verdict == SURVIVED:
        print(run.stdout, run.stderr, flush=True)
    return Trial(mutant, verdict, names, time.monotonic() - begun)


def _run(tree: Path, only: str, *tests: str) -> "subprocess.CompletedProcess[str]":
    options = ("-q", "--no-cov", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short", "-rf")
    chosen = ("-k", only) if only else ()
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *chosen, *tests],
        cwd=tree,
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def _require_passing(tree: Path, mutants: Iterable[Mutant]) -> None:
    """See that all named tests pass without a mutant: one that fails anyway finds nothing."""
    tests: dict[str, set[str]] = {}
    for mutant in mutants:
        tests.setdefault(mutant.only, set()).add(mutant.test)
    for only, named in tests.items():
        run = _run(tree, only, *sorted(named))
        assert run.returncode == 0, f"Without a mutant:\n{run.stdout}"
        print(f"without a mutant: {run.stdout.splitlines()[-1]}", flush=True)


@contextmanager
def _copied_tree() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stockproof-mutants-") as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / name)
        yield tree


def _table(trials: Iterable[Trial]) -> str:
    head = "| guard | file | test | measured |\n|---|---|---|---|\n"
    return head + "".join(f"{trial.line}\n" for trial in trials)


if __name__ == "__main__":
    sys.exit(main())
