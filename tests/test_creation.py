"""What a new session needs, and what is refused before anything is created."""

import os
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from processing.creation import NoPhotos, Unknown, Wish, owner_named, source_with_photos, unfinished_of
from processing.models import Preset, ProcessingSession
from processing.sources import SourceRefused
from processing.states import Stage
from tests.factories import make_session
from tests.folders import put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _settings(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "source" / "var"
    settings.STOCKPROOF_SOURCE_ROOTS = []


def test_source_is_given_as_its_real_path_when_it_holds_a_photo(tmp_path: Path) -> None:
    put(tmp_path, "source/sub/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "source")

    path = source_with_photos(str(tmp_path / "link"), recursive=True)

    assert path == os.fsencode((tmp_path / "source").resolve())


@pytest.mark.parametrize(
    "name", ["source/notes.txt", "source/sub/a.jpg", "source/.a.jpg", "source/var/a.jpg"]
)
def test_source_is_refused_with_a_sentence_when_no_photo_is_in_reach(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)

    with pytest.raises(NoPhotos) as refused:
        source_with_photos(str(tmp_path / "source"), recursive="var" in name)

    assert str(refused.value) == (
        f"There is no photo in {(tmp_path / 'source').resolve()}. "
        "Photos end in jpg, png, tif, webp, heic or avif, and are not hidden."
    )


def test_source_is_refused_when_it_lies_outside_the_folders_that_sessions_may_read(
    tmp_path: Path, settings: Settings
) -> None:
    put(tmp_path, "source/a.jpg", "allowed/a.jpg")
    settings.STOCKPROOF_SOURCE_ROOTS = [tmp_path / "allowed"]

    with pytest.raises(SourceRefused):
        source_with_photos(str(tmp_path / "source"), recursive=True)

    assert source_with_photos(str(tmp_path / "allowed"), recursive=True)


def test_wish_takes_a_snapshot_of_the_rules_and_the_settings_sizes(settings: Settings) -> None:
    settings.BATCH_SIZE, settings.CHECKPOINT_INTERVAL = 7, 3
    Preset.objects.create(name="Own", rules={"noise_max": 9})

    session = ProcessingSession.start(**Wish(b"/a/Holi\xffday", preset="Own").columns())

    assert (session.name, session.source, bytes(session.source_path)) == (
        "Holi\\xffday",
        "/a/Holi\\xffday",
        b"/a/Holi\xffday",
    )
    assert (session.preset_name, session.preset, session.batch_size, session.checkpoint_interval) == (
        "Own",
        {"noise_max": 9},
        7,
        3,
    )


def test_unknown_preset_is_refused_with_those_that_there_are() -> None:
    Preset.objects.create(name="Zoo", rules={})

    with pytest.raises(Unknown) as refused:
        Wish(b"/a", preset="Nobody").columns()

    assert str(refused.value) == "There is no preset 'Nobody'. There are: Adobe Stock, Zoo."


def test_owner_is_the_one_named_else_the_only_user_else_none() -> None:
    users = get_user_model().objects
    before = owner_named("")
    ada = users.create_user("ada")
    alone = owner_named("")
    bob = users.create_user("bob")

    assert (before, alone, owner_named(""), owner_named("bob")) == (None, ada, None, bob)
    with pytest.raises(Unknown, match=r"There is no user 'eve'\."):
        owner_named("eve")


def test_unfinished_session_of_a_source_is_the_newest_that_has_work_left() -> None:
    make_session(stage=Stage.COMPLETED)
    make_session(source_path=b"/other")
    cancelled = make_session()
    cancelled.cancel()
    before = unfinished_of(b"/photos")

    open_one = make_session()

    assert (before, unfinished_of(b"/photos")) == (None, open_one)
