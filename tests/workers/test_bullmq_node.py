"""The same queue with Node's BullMQ: each side runs what the other one has added, and goes on where it stopped."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from cnstra.stores import MemoryStore
from cnstra.workers.bullmq import Backoff
from tests.durable.graphs import Switch, line, pass_on
from tests.servers.redis import RedisServer, redis_server
from tests.workers.bullmq_board import Board, new_board
from tests.workers.bullmq_node import Node, installed_node

DATA = {"collateralName": "c0", "payload": {"n": 1}, "maxNeuronHops": 3}
AT_N1 = {"neuronName": "n1", "dendriteCollateralName": "c1", "input": {"collateralName": "c1", "payload": {"n": 1}}}


@pytest.fixture(scope="module")
def node() -> Node:
    return installed_node()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def board(server: RedisServer) -> AsyncIterator[Board]:
    async with new_board(server.url) as board:
        yield board


@pytest.fixture
def where(server: RedisServer, board: Board) -> tuple[str, str]:
    """Return what a script is told: port and queue."""
    return str(server.port), board.queue


def test_node_is_of_a_version_that_is_known_to_fit(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    versions = node.versions
    with capsys.disabled():
        print(f" [Node {versions['node']}, its bullmq {versions['bullmq']}] ", end="")  # noqa: T201 - for the log of CI

    assert int(versions["bullmq"].split(".")[0]) == 6


@pytest.mark.parametrize("in_store", [True, False], ids=["a store", "the job's own progress"])
async def test_a_job_of_node_is_run_here(board: Board, node: Node, where: tuple[str, str], *, in_store: bool) -> None:
    graph = line(pass_on, pass_on)
    async with board.worker(graph, MemoryStore() if in_store else None):
        told = await node.run("produce.cjs", *where, "order-7", json.dumps(DATA))

    assert (told["id"], told["ended"]) == ("order-7", "completed")
    assert graph.ran == ["n0:1", "n1:1"]


async def test_node_hears_why_its_job_is_dead(board: Board, node: Node, where: tuple[str, str]) -> None:
    async with board.worker(line(pass_on)):
        told = await node.run("produce.cjs", *where, "order-7", json.dumps({**DATA, "collateralName": "nobody"}))

    assert told["ended"] == "failed"
    assert "'nobody'" in told["reason"]


async def test_a_job_from_here_is_run_by_node(board: Board, node: Node, where: tuple[str, str]) -> None:
    await board.add(7, "order-7", priority=5)
    told = await node.run("work.cjs", *where)
    await board.until("completed", "order-7")

    assert told == {
        "name": "cns-stimulation",
        "data": {"collateralName": "c0", "payload": {"n": 7}, "formatVersion": "1.0"},
        "progress": 0,
        "started": 1,
    }


async def test_a_run_that_node_has_begun_goes_on_here(board: Board, node: Node, where: tuple[str, str]) -> None:
    graph = line(pass_on, pass_on, pass_on)
    await board.add(backoff=None)
    await node.run("work.cjs", *where, json.dumps({"tasks": [AT_N1], "context": {}}))
    async with board.worker(graph):
        await board.until("completed")

    assert graph.ran == ["n1:1", "n2:1"]


async def test_a_run_that_was_begun_here_goes_on_in_node(board: Board, node: Node, where: tuple[str, str]) -> None:
    async with board.worker(line(pass_on, Switch()), concurrency=1):
        await board.add(backoff=Backoff(0.5))
        await board.until("delayed")
    told = await node.run("work.cjs", *where)

    assert told["progress"]["tasks"] == [AT_N1]
    assert told["progress"]["context"] == {}
    assert told["started"] == 2
