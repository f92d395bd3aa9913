"""What the machine says of itself, on machines of several kinds."""

from dataclasses import replace
from pathlib import Path

import pytest

from processing import vitals
from processing.vitals import Vitals, count_filesystem_errors, find_own_oom_path, read_count, read_vitals

V1 = "9:name=systemd:/\n4:memory:/jobs/7\n0::/\n"
V2 = "0::/jobs/7\n"


def write(path: Path, text: str) -> Path:
    """Write a file of the kernel's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("groups", "counted_at"),
    [
        (V1, "memory/jobs/7/memory.oom_control"),
        (V1, "memory/memory.oom_control"),
        ("7:cpu,memory:/jobs/7\n", "memory/jobs/7/memory.oom_control"),
        (V2, "jobs/7/memory.events.local"),
        (V2, "jobs/7/memory.events"),
        (V2, "memory.events"),
        (V2, "unified/jobs/7/memory.events"),
    ],
)
def test_own_kills_are_counted_by_the_memory_group_of_either_version(
    tmp_path: Path, groups: str, counted_at: str
) -> None:
    own = write(tmp_path / "own", groups)
    root = tmp_path / "cgroup"
    counter = write(root / counted_at, "oom 9\noom_kill 2\n")

    assert find_own_oom_path(own, root) == str(counter)


def test_kills_of_groups_below_are_not_taken_for_own_ones(tmp_path: Path) -> None:
    own = write(tmp_path / "own", V2)
    write(tmp_path / "jobs/7/memory.events", "oom_kill 5\n")
    local = write(tmp_path / "jobs/7/memory.events.local", "oom_kill 0\n")

    assert find_own_oom_path(own, tmp_path) == str(local)


@pytest.mark.parametrize("groups", ["", "nonsense\n", V1, V2])
def test_own_kills_are_not_known_where_nobody_counts_them(tmp_path: Path, groups: str) -> None:
    own = write(tmp_path / "own", groups)

    assert find_own_oom_path(own, tmp_path / "cgroup") is None


def test_count_is_read_from_its_line_or_not_known(tmp_path: Path) -> None:
    path = write(tmp_path / "vmstat", "oom_kill_disable 0\noom_kill 17\nodd\n")

    counts = [read_count(path, name) for name in ("oom_kill", "odd", "missing")]

    assert (counts, read_count(tmp_path / "nothing", "oom_kill")) == ([17, None, None], None)


def test_file_system_errors_are_added_up_over_the_disks(tmp_path: Path) -> None:
    before = count_filesystem_errors(tmp_path)
    write(tmp_path / "ext4/vda/errors_count", "2\n")
    write(tmp_path / "ext4/vdb/errors_count", "3\n")
    write(tmp_path / "ext4/vdc/errors_count", "odd")

    assert (before, count_filesystem_errors(tmp_path)) == (None, 5)


def test_vitals_are_read_where_the_kernel_keeps_them_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = write(tmp_path / "cgroup/jobs/memory.events", "oom_kill 4\n")
    other = write(tmp_path / "other", "oom_kill 4\n")
    monkeypatch.setattr(vitals, "CGROUP", tmp_path / "cgroup")

    paths = [str(counter), str(other), f"{tmp_path}/cgroup/../other"]

    assert [read_vitals(path).own_oom for path in paths] == [4, None, None]


def test_vitals_of_this_machine_are_known_as_far_as_it_is_linux() -> None:
    found = read_vitals()

    assert found == replace(read_vitals(), available_bytes=found.available_bytes)
    if Path("/proc/vmstat").exists():
        assert found.host_oom is not None
        assert found.container is not None
        assert found.available_bytes is not None
        assert found.available_bytes > 1_000_000


def test_facts_are_read_back_and_odd_ones_are_not_known() -> None:
    found = Vitals("1 pid:[2]", 1, "/sys/fs/cgroup/memory.events", 2, 3, 4)
    odd = {"container": 7, "own_oom": "1", "host_oom": 2, "more": 1}

    assert Vitals.from_facts(found.as_facts()) == found
    assert Vitals.from_facts(odd) == Vitals(host_oom=2)
    assert Vitals.from_facts(None) == Vitals.from_facts([]) == Vitals()
