"""Forks worker processes that die with it; run as ``python -m tests.fire.forking PARENT``, which everything dies with.

It imports everything once, so that a life costs milliseconds. A line of JSON on its standard input is an order, and a
line of JSON on its standard output the answer: ``{"role": "module:function", "log": path, "arguments": {...}}`` starts
``function(**arguments)`` in a process of its own and answers its id, and ``{"reap": pid}`` waits for the end of one and
answers its exit status. A process is reaped on order only, so that its id stays its own until nobody uses it any more.
"""

import asyncio
import ctypes
import importlib
import inspect
import json
import logging
import os
import signal
import sys
import traceback
from typing import Any

from tests.confessing import confess_when_asked

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Be killed when the process *parent* dies, which must be the parent of this one."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it has died already, and nobody would tell
        os._exit(1)


def start(order: dict[str, Any]) -> int:
    """Start what *order* says; return the id of the process."""
    module, _, name = order["role"].partition(":")
    role = getattr(importlib.import_module(module), name)
    here = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with(here)
        _be(role, order["log"], order["arguments"])
    return pid


def _be(role: Any, log: str, arguments: dict[str, Any]) -> None:
    status = 1
    try:
        output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        confess_when_asked()
        logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(message)s", level=logging.INFO)
        result = role(**arguments)
        if inspect.iscoroutine(result):
            asyncio.run(result)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - said aloud, and told by the status
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(parent: int) -> None:
    die_with(parent)
    for line in sys.stdin.buffer:
        order = json.loads(line)
        answer = os.waitpid(order["reap"], 0)[1] if "reap" in order else start(order)
        sys.stdout.buffer.write(b"%d\n" % answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
