import sys
from pathlib import Path

import pytest

from cnstra import CNSPersistOptionsRegistry, DurableRunner
from cnstra.cli.ending import CommandError
from cnstra.cli.loading import load_registry, load_runner, load_worker
from cnstra.workers import BrokerWorker


@pytest.fixture(autouse=True)
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a test imports."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


@pytest.mark.parametrize("target", ["app:runner", "app:made_later", "app:Deployment.older"])
async def test_a_runner_or_a_function_that_makes_one_is_found(target: str, project: Path) -> None:
    assert isinstance(await load_runner(target, project), DurableRunner)


async def test_a_worker_may_be_a_runner_or_one_on_a_broker(project: Path) -> None:
    assert isinstance(await load_worker("app:runner", project), DurableRunner)
    assert isinstance(await load_worker("app:on_a_broker", project), BrokerWorker)
    with pytest.raises(CommandError, match="it must be a DurableRunner or a BrokerWorker, or a function"):
        await load_worker("app:registry", project)


async def test_a_registry_may_be_that_of_a_runner(project: Path) -> None:
    assert isinstance(await load_registry("app:registry", project), CNSPersistOptionsRegistry)
    assert isinstance(await load_registry("app:made_later", project), DurableRunner)
    with pytest.raises(CommandError, match="did you mean registry"):
        await load_registry("app:registri", project)
    with pytest.raises(CommandError, match="names no registry; say MODULE:REGISTRY, such as"):
        await load_registry("app", project)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("app", "'app' names no runner; say MODULE:RUNNER, such as myapp.runs:runner"),
        (":runner", "names no runner"),
        ("ap:runner", "there is no module 'ap' in "),
        ("app.runs:runner", "there is no module 'app.runs' in "),
        ("app:runer", "module app has no 'runer'; did you mean runner?"),
        ("app:x", "module app has no 'x'; did you mean runner?"),
        ("app:Deployment.x", "app:Deployment.x: a type has no 'x'"),
        ("app:store", "app:store is a PosixPath; it must be a DurableRunner, or a function that returns one"),
        ("app:registry", "app:registry is a CNSPersistOptionsRegistry; it must be a DurableRunner"),
        ("app:on_a_broker", "app:on_a_broker is a BrokerWorker; it must be a DurableRunner"),
        ("app:nothing", "app:nothing is a NoneType; it must be a DurableRunner"),
        ("app:fails", "calling app:fails() failed with ValueError: no settings ("),
    ],
)
async def test_what_is_no_runner_is_told_with_a_hint(target: str, problem: str, project: Path) -> None:
    with pytest.raises(CommandError) as raised:
        await load_runner(target, project)

    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import nowhere_to_be_found", "importing broken failed with ModuleNotFoundError: No module named 'nowhere"),
        ("x = 1\nraise RuntimeError('no settings')", "failed with RuntimeError: no settings ("),
    ],
)
async def test_a_module_that_cannot_be_imported_tells_where(source: str, problem: str, project: Path) -> None:
    (project / "broken.py").write_text(source)

    with pytest.raises(CommandError) as raised:
        await load_runner("broken:runner", project)

    assert problem in str(raised.value)
    assert f"broken.py:{len(source.splitlines())})" in str(raised.value)
