"""The NATS of the tests keeps its port and its streams, and dies with the process that has started it."""

import sys

import nats
import pytest

from tests.servers.nats import find_nats, nats_server
from tests.servers.orphaning import die_with_their_parent

STARTS_A_SERVER = """
import sys
from tests.servers.nats import nats_server
with nats_server() as server:
    print(server._process.pid, server._settings.parent, flush=True)
    sys.stdin.read()
"""


async def test_a_server_keeps_its_port_and_what_was_acknowledged() -> None:
    with nats_server() as server:
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(name="kept", subjects=["kept.*"])
        await client.jetstream().publish("kept.here", b"7")
        await client.close()

        server.restart()
        server.stop()
        server.start()

        client = await nats.connect(server.url)
        message = await client.jetstream().get_last_msg("kept", "kept.here")
        await client.close()

    assert message.data == b"7"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
@pytest.mark.skipif(find_nats() is None, reason="there is no NATS to start")
def test_a_server_dies_with_a_process_that_is_killed() -> None:
    assert die_with_their_parent(STARTS_A_SERVER)
