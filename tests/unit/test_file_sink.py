"""Where a FILE sink writes, and where it does not."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from queryleaf_cdc.sinks import file
from queryleaf_cdc.sinks.faults import Away


def row(path: str, total: int = 5) -> dict[str, Any]:
    of_change = {"change_id": "82", "operation": "INSERT", "collection": "orders", "key": {"_id": 1}, "timestamp": None}
    return {"_id": "k", "trigger": "log", "to": {"kind": "file", "name": path}, "row": {"total": total}, **of_change}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = tmp_path / "worker"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(file, "_LOCK_SECONDS", 0.05)
    return here


def refusal(path: str) -> str:
    with pytest.raises(Away) as caught:
        file.deliver(path, [row(path)])
    return caught.value.message


def test_lines_are_appended(folder: Path) -> None:
    file.deliver("a.jsonl", [row("a.jsonl", 1)])
    file.deliver("a.jsonl", [row("a.jsonl", 2)])
    assert [line.endswith(f'"row":{{"total":{n}}}}}') for n, line in zip((1, 2), lines(folder), strict=True)] == [
        True
    ] * 2


def lines(folder: Path) -> list[str]:
    return (folder / "a.jsonl").read_text().splitlines()


def test_a_folder_below_is_entered(folder: Path) -> None:
    (folder / "out" / "deep").mkdir(parents=True)
    file.deliver("out/deep/a.jsonl", [row("out/deep/a.jsonl")])
    assert (folder / "out" / "deep" / "a.jsonl").exists()


def test_others_may_not_read_it(folder: Path) -> None:
    file.deliver("a.jsonl", [row("a.jsonl")])
    assert (folder / "a.jsonl").stat().st_mode & 0o007 == 0


def test_a_folder_that_is_not_there() -> None:
    assert refusal("out/a.jsonl") == "out/a.jsonl cannot be written: No such file or directory"


def test_a_folder_in_the_place_of_the_file(folder: Path) -> None:
    (folder / "a.jsonl").mkdir()
    assert refusal("a.jsonl") == "a.jsonl cannot be written: Is a directory"


def test_a_file_in_the_place_of_the_folder(folder: Path) -> None:
    (folder / "out").touch()
    assert "what should be a directory is none" in refusal("out/a.jsonl")


def test_a_link_to_a_file_is_not_followed(folder: Path) -> None:
    target = folder.parent / "elsewhere.jsonl"
    target.touch()
    (folder / "a.jsonl").symlink_to(target)
    assert refusal("a.jsonl") == "a.jsonl cannot be written: a symbolic link is not followed"
    assert target.read_text() == ""


def test_a_link_to_a_folder_is_not_followed(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "out").symlink_to(folder.parent / "elsewhere")
    assert "a symbolic link" in refusal("out/a.jsonl")
    assert list((folder.parent / "elsewhere").iterdir()) == []


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "a.jsonl")
    assert refusal("a.jsonl") == "a.jsonl cannot be written: it is no regular file"


def test_a_file_that_another_program_has_locked(folder: Path) -> None:
    with (folder / "a.jsonl").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert refusal("a.jsonl") == "a.jsonl cannot be written: another program has locked it"


def test_a_line_that_does_not_fit_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.deliver("a.jsonl", [row("a.jsonl", 1)])
    before = (folder / "a.jsonl").read_bytes()
    write = os.write

    def full(where: int, what: memoryview) -> int:
        if len(what) < 20:
            raise OSError(28, "No space left on device")
        return write(where, what[:-10])

    monkeypatch.setattr(file.os, "write", full)
    assert refusal("a.jsonl") == "a.jsonl cannot be written: No space left on device"
    assert (folder / "a.jsonl").read_bytes() == before
