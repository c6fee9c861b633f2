"""Without the extras, the modules say what to install, and those of one broker do without the other's client."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "client", "told"),
    [
        ("nats", "nats", "pip install 'cnstra[faststream]' 'faststream[nats]'"),
        ("rabbit", "aio_pika", "pip install 'cnstra[faststream]' 'faststream[rabbit]'"),
    ],
)
def test_a_missing_client_is_told_of_with_the_way_to_install_it(module: str, client: str, told: str) -> None:
    code = f"import sys; sys.modules[{client!r}] = None; import cnstra.workers.faststream.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "ImportError: workers on" in done.stderr
    assert told in done.stderr


@pytest.mark.parametrize(("module", "other"), [("nats", "aio_pika"), ("rabbit", "nats")])
def test_workers_on_one_broker_do_without_the_client_of_the_other(module: str, other: str) -> None:
    code = f"import sys; sys.modules[{other!r}] = None; import cnstra.workers.faststream.{module}"

    subprocess.run([sys.executable, "-c", code], check=True)
