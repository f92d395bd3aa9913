"""What the README shows of scripts is run as it stands, against a live server."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processing import tokens
from processing.models import ProcessingSession, Scope
from processing.states import Status
from recovery.models import AuditEntry
from tests.databases import missing
from tests.people import make_user
from tests.recovery.sources import lay_out
from tests.recovery.views.scenes import interrupt, lying_session

README = Path(__file__).resolve().parents[1] / "README.md"
TIMEOUT_S = 120
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ACTS = ["session", "override", "recover", "rollback", "resume", "checkpoint"]
TOLD = {
    "sh": ['"status": "interrupted"', '"crash_type": "power_failure"', '"safe": "safe"', '"crashes": 1'],
    "python": ["interrupted 10 of 12", " power_failure", "The session goes on from photo 11:", "\nsafe\n1\n"],
}


def block(language: str) -> str:
    """Give the one block of a language in the section on scripts."""
    section = README.read_text().partition("\n## From scripts\n")[2].partition("\n## ")[0]
    found = [text for name, text in BLOCK.findall(section) if name == language]
    assert len(found) == 1
    return str(found[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.vendor("sqlite")
@pytest.mark.parametrize("language", ["sh", "python"])
def test_script_of_the_readme_does_what_it_says(live_server: Any, tmp_path: Path, language: str) -> None:
    owner = make_user("ines")
    session = lying_session(tmp_path / "photos", owner=owner)
    interrupt(session)
    spare = lay_out(lying_session(tmp_path / "spare"), tmp_path / "spare")
    _token, text = tokens.make(owner, (Scope.READ, Scope.RUN, Scope.RECOVER))
    given = {"API": f"{live_server.url}/api", "PHOTOS": str(spare), "TOKEN": text, "SESSION": str(session.pk)}
    programs = {"sh": ["bash", "-euc"], "python": [sys.executable, "-c"]}
    if language == "sh" and shutil.which("curl") is None:
        missing("The README's lines need curl: `apt install curl`.")

    ended = subprocess.run(
        [*programs[language], block(language)],
        env=os.environ | given,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [part for part in TOLD[language] if part not in ended.stdout] == []
    session.refresh_from_db()
    assert (session.status, session.attempt) == (Status.RUNNING, 3)
    assert ProcessingSession.objects.filter(owner=owner, source=str(spare)).count() == 1
    done = AuditEntry.objects.filter(outcome="done").order_by("number")
    assert list(done.values_list("action", flat=True)) == ACTS
