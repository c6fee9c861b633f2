"""The yardsticks of durable runs on Redis: redis-py alone, with one call of a script for each hop.

The script writes what the Redis store writes for one hop of a chain in volume ``full``: the counters of the run move
on, one signal, one outstanding task and one entry of history are added, and the task before it goes. Keys, fields and
sizes are those of the store; nothing is encoded, routed or checked. The script is called by its digest, and its answer
comes when the server's own setting of ``appendfsync`` lets it.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from time import perf_counter, time

import redis
from redis.asyncio import Redis as AsyncRedis

__all__ = ["hops_per_second", "hops_per_second_in_loop"]

KEYS = ("{bare}:run", "{bare}:signals", "{bare}:history")
SCRIPT = """
redis.call('HSET', KEYS[2], ARGV[1], ARGV[5])
redis.call('RPUSH', KEYS[3], ARGV[6])
redis.call('HSET', KEYS[1], '#' .. ARGV[1], ARGV[4], 'sequence', ARGV[1], 'next_task', ARGV[1] + 1,
    'next_signal', ARGV[1] + 1, 'hops', ARGV[1], 'outstanding', 1, 'updated', ARGV[3])
redis.call('HDEL', KEYS[1], '#' .. ARGV[2])
return 1
"""


def hops_per_second(url: str, hops: int, payload: bytes) -> float:
    """Return how many calls a second the blocking client made."""
    with closing(redis.Redis.from_url(url)) as client:
        script = client.script_load(SCRIPT)
        start = perf_counter()
        for hop in range(1, hops + 1):
            client.evalsha(script, len(KEYS), *KEYS, *_arguments(hop, payload))
        return hops / (perf_counter() - start)


def hops_per_second_in_loop(url: str, hops: int, payload: bytes) -> float:
    """Return how many calls a second the asyncio client made, one after the other."""

    async def call() -> float:
        async with AsyncRedis.from_url(url) as client:
            script = await client.script_load(SCRIPT)
            start = perf_counter()
            for hop in range(1, hops + 1):
                await client.evalsha(script, len(KEYS), *KEYS, *_arguments(hop, payload))
            return hops / (perf_counter() - start)

    return asyncio.run(call())


def _arguments(hop: int, payload: bytes) -> tuple[int | bytes, ...]:
    neuron, hears, emits, now = b"n%d" % hop, b"c%d" % hop, b"c%d" % (hop + 1), repr(time()).encode()
    task = b"%b\0%b\0%d\0%d" % (neuron, emits, 0, hop)
    signal = b"%b\0%d\0%d\0%b" % (emits, 1, hop - 1, payload)
    settled = b"%d\0%d\0%b\0%b\0%d\0done\0%b\0%b" % (hop - 1, 1, neuron, hears, hop - 1, now, b"1e-05")
    return hop, hop - 1, now, task, signal, settled
