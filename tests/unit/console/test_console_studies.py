"""Studies: commands beside the console, one at a time, and what they found."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from awaited import awaited

from signoff import workloads
from signoff.clock import SystemClock
from signoff.console.studies import Found, Standing, Studies, Study

SECRET = "hunter2-is-secret"

CHECK = ("check", "--app", "app:things")


def studies(folder: Path, store: str = "sqlite:///none.db") -> Studies:
    return Studies(folder / "kept", lambda: store, SystemClock())


def project(folder: Path, *lines: str) -> Path:
    """A project whose application does something when it is imported."""
    folder.mkdir(exist_ok=True)
    shutil.copy(Path(workloads.__file__).parent / "port_in" / "decision_record.md", folder)
    (folder / "app.py").write_text("\n".join(("import os, sys, time", *lines, "things = []")))
    return folder


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 (other processes set no event)
            await asyncio.sleep(0.02)


async def ended(rooms: Studies, study: Study) -> Standing:
    rooms.begin(study)
    await until(lambda: not rooms.look(study).since)
    return rooms.look(study)


def said(standing: Standing) -> Found:
    assert standing.found is not None
    return standing.found


@awaited
async def test_a_command_is_run_once_however_many_ask_for_it(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "open('runs', 'a').write('x')", "time.sleep(0.3)")
    study, rooms = Study(CHECK, folder), studies(tmp_path)
    async with rooms.open():
        assert rooms.look(study) == Standing()
        first = rooms.look_first(study)
        assert first.since
        assert rooms.begin(study) == rooms.begin(study) == rooms.look_first(study) == first
        found = said(await ended(rooms, study))
        assert found.at == first.since
        # There is a result now, so a visit begins nothing.
        assert rooms.look_first(study) == Standing(found=found)
    assert (folder / "runs").read_text() == "x"


@awaited
async def test_a_command_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    rooms = studies(tmp_path)
    async with rooms.open():
        found = said(await ended(rooms, Study(("check",), tmp_path)))
        assert (found.status, found.value) == (2, None)
        assert "nobody says what the application is" in found.error
        gone = said(await ended(rooms, Study(CHECK, tmp_path / "gone")))
        assert "it cannot be run" in gone.error
        odd = said(await ended(rooms, Study(("check", "no\0word"), tmp_path)))
        assert "it cannot be run" in odd.error


@awaited
async def test_garbage_is_no_result(tmp_path: Path) -> None:
    ends = "sys.stdout = None; os.write(1, b'\\xff{not json'); os._exit(0)"
    rooms = studies(tmp_path)
    async with rooms.open():
        found = said(await ended(rooms, Study(CHECK, project(tmp_path / "p", ends))))
        assert found.value is None
        assert found.error == "it printed nothing that can be read"
        escapes = "os.write(2, b'\\x1b[31mred\\x00'); os._exit(3)"
        found = said(await ended(rooms, Study(CHECK, project(tmp_path / "q", escapes))))
        assert found.status == 3
        assert found.error.isprintable()


@awaited
async def test_a_module_of_the_folder_is_none_of_the_commands_own(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "typer.py").write_text("raise RuntimeError('shadowed')")
    rooms = studies(tmp_path)
    async with rooms.open():
        found = said(await ended(rooms, Study(("diagnose", "--list"), tmp_path)))
    assert found.status == 0
    assert found.value


@awaited
async def test_nothing_goes_on_once_the_console_is_down(tmp_path: Path) -> None:
    folder = project(
        tmp_path / "p", "open('at.tmp', 'w').write(str(os.getpid()))",
        "os.rename('at.tmp', 'at')", "time.sleep(300)",
    )  # fmt: skip
    study, rooms = Study(CHECK, folder), studies(tmp_path)
    async with rooms.open():
        rooms.begin(study)
        await until((folder / "at").exists)
        process = int((folder / "at").read_text())
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert studies(tmp_path).look(study) == Standing()


@awaited
async def test_what_was_found_outlives_a_restart_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    study, rooms = Study(("diagnose", "--list")), studies(tmp_path)
    async with rooms.open():
        standing = await ended(rooms, study)
    assert studies(tmp_path).look(study) == standing
    [kept] = (tmp_path / "kept").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert kept.parent.stat().st_mode & 0o077 == 0
    for text in ("{", "[]", '{"at": ""}', "\udcff"):
        kept.write_text(text, errors="surrogateescape")
        assert studies(tmp_path).look(study) == Standing()


@awaited
async def test_what_is_found_may_hold_half_a_character(tmp_path: Path) -> None:
    prints = r"""os.write(1, b'{"id": "\\ud800"}'); os._exit(0)"""
    study = Study(CHECK, project(tmp_path / "p", prints))
    rooms = studies(tmp_path)
    async with rooms.open():
        found = said(await ended(rooms, study))
    assert found.value == {"id": "\ud800"}, found
    assert said(studies(tmp_path).look(study)) == found


@awaited
async def test_only_so_many_wait(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "time.sleep(300)")
    rooms = studies(tmp_path)
    many = [Study((*CHECK, "--app", f"app:n{number}"), folder) for number in range(9)]
    async with rooms.open():
        begun = [bool(rooms.begin(study).since) for study in many]
    assert begun == [True] * 8 + [False]


@awaited
async def test_a_password_stands_in_no_list_of_processes_and_in_no_result(tmp_path: Path) -> None:
    url = f"postgresql://ada:{SECRET}@127.0.0.1:1/none"
    told = textwrap.dedent("""
        import json
        argv = open(f'/proc/{os.getpid()}/cmdline').read() if os.path.exists('/proc/self') else ''
        json.dump([argv, sys.orig_argv, os.environ['SIGNOFF_STORE']], open('told', 'w'))
    """)
    folder, rooms = project(tmp_path / "p", told), studies(tmp_path, url)
    async with rooms.open():
        await ended(rooms, Study(CHECK, folder))
        refused = said(await ended(rooms, Study(("diagnose",))))
    *argv, environment = json.loads((folder / "told").read_text())
    assert environment == url
    assert SECRET not in str(argv)
    assert refused.error
    assert SECRET not in refused.error
    assert not [kept for kept in (tmp_path / "kept").iterdir() if SECRET in kept.read_text()]
