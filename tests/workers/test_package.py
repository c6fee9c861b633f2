import subprocess
import sys

import cnstra.workers

BROKERS = ("bullmq", "celery", "faststream", "kombu", "procrastinate", "psycopg", "redis", "typer")


def test_importing_the_core_imports_no_broker() -> None:
    program = f"import sys, cnstra.workers; print([name for name in {BROKERS} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_every_public_name_is_there_and_documented() -> None:
    assert all(getattr(cnstra.workers, name).__doc__ for name in cnstra.workers.__all__)
