"""Become another program that dies with the process that started it; run by path, as a process of its own.

A `preexec_fn` could do the same, but not in a process that has threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, dying: int, uid: int, gid: int, command: list[str]) -> None:
    if uid != os.getuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":  # after the change of user, which would forget it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, dying)
    if os.getppid() == parent:  # else it has died already, and nobody would tell
        os.execv(command[0], command)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:5]]
    main(numbers[0], numbers[1], numbers[2], numbers[3], sys.argv[5:])
