from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from tests.servers import postgres, processes
from tests.servers.orphaning import die_with_their_parent
from tests.servers.postgres import postgres_server
from tests.servers.processes import ServerFailed, directory, find_in_wheel, missing, start, stop, wait_until

STARTS_A_SERVER = """
import sys
from tests.servers.postgres import postgres_server
with postgres_server() as server:
    print(server._process.pid, server._log.parent.parent, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
@pytest.mark.skipif(postgres.find_postgres() is None, reason="there is no Postgres to start")
def test_a_server_dies_with_a_process_that_is_killed() -> None:
    assert die_with_their_parent(STARTS_A_SERVER)


@pytest.mark.skipif(postgres.find_postgres() is None, reason="there is no Postgres to start")
def test_a_server_keeps_its_port_and_its_data() -> None:
    with postgres_server() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
            connection.execute("INSERT INTO kept VALUES (7)")

        server.kill()
        server.start()
        server.restart(immediate=False)

        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]


def test_a_missing_server_skips_at_home_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="there is no Oracle: buy one"):
        missing("Oracle", hint="buy one")

    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="there is no Oracle: buy one"):
        missing("Oracle", hint="buy one")


def test_a_package_is_found_without_being_imported() -> None:
    assert find_in_wheel("pytest", "__init__.py") is not None
    assert find_in_wheel("pytest", "nothing") is None
    assert find_in_wheel("no_such_package", "*") is None


def test_what_a_killed_process_has_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "servers-left"
    left.mkdir()
    os.utime(left, (0, 0))

    with directory("servers-") as mine:
        os.utime(mine, (0, 0))
        with directory("servers-") as other:
            assert sorted(tmp_path.iterdir()) == sorted([mine, other])

    assert list(tmp_path.iterdir()) == []


def test_a_server_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start([sys.executable, "-c", "print('no port free'); raise SystemExit(3)"], log=log)

    with pytest.raises(ServerFailed, match=r"ended with 3:\nno port free"):
        wait_until(lambda: False, process, log)


def test_a_server_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PATIENCE", 0.1)
    log = tmp_path / "log"
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(99)"
    )
    process = start([sys.executable, "-c", stubborn], log=log)
    while "ready" not in log.read_text():
        time.sleep(0.01)

    with pytest.raises(ServerFailed, match="did not stop for SIGTERM"):
        stop(process, signal.SIGTERM, log)

    assert process.returncode == -signal.SIGKILL
