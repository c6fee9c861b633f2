from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kombu import Connection

from tests.servers import rabbitmq
from tests.servers.orphaning import die_with_their_parent
from tests.servers.rabbitmq import RabbitServer, find_rabbitmq, rabbitmq_server, some_rabbitmq

STARTS_A_SERVER = """
import sys
from tests.servers.rabbitmq import rabbitmq_server
with rabbitmq_server() as server:
    print(server._process.pid, server._registry.pid, server._log.parent, flush=True)
    sys.stdin.read()
"""

is_there = pytest.mark.skipif(find_rabbitmq() is None, reason="there is no RabbitMQ to start")


def put(server: RabbitServer, text: str) -> None:
    with Connection(server.url, transport_options={"confirm_publish": True}) as connection:
        connection.SimpleQueue("kept").put(text)


def take(server: RabbitServer) -> str:
    with Connection(server.url) as connection:
        text: str = connection.SimpleQueue("kept").get(timeout=60).payload
        return text


@is_there
def test_a_server_keeps_its_port_and_what_it_has_confirmed() -> None:
    with rabbitmq_server() as server:
        put(server, "before a crash")
        server.restart()

        assert take(server) == "before a crash"


@is_there
def test_a_server_that_stands_still_answers_once_it_goes_on() -> None:
    with rabbitmq_server() as server:
        server.pause()
        assert not server._greets(patience=0.1)
        server.resume()

        put(server, "after a pause")
        assert take(server) == "after a pause"


@is_there
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_server_and_its_registry_die_with_a_process_that_is_killed() -> None:
    assert die_with_their_parent(STARTS_A_SERVER)


def test_the_server_of_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(rabbitmq.URL_VARIABLE, "amqp://elsewhere")

    with some_rabbitmq() as url:
        assert url == "amqp://elsewhere"


def test_without_its_binaries_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(rabbitmq, "_PACKAGED", tmp_path / "none")

    with pytest.raises(pytest.skip.Exception, match="there is no RabbitMQ: apt-get install"), rabbitmq_server():
        pass
