from pathlib import Path

from cnstra.cli.ending import Exit
from tests.cli import app
from tests.cli.calling import call
from tests.cli.invoking import document


async def enqueued(project: Path, *words: str) -> None:
    async with app.runner_of(project / "runs.db", max_active_runs=0) as producer:
        for word in words:
            await producer.enqueue(app.doubled.create_signal(word), stimulation_id=word)


async def test_all_is_well(project: Path) -> None:
    await enqueued(project, "a", "b")

    done = call(project, "check", "app:runner")

    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    assert done.stdout == "2 unfinished runs checked; this code can resume 2\n"


async def test_what_older_code_could_not_resume_is_listed(project: Path) -> None:
    await enqueued(project, "a", "b")

    done = call(project, "check", "app:Deployment.older")

    assert done.returncode == Exit.NO
    assert "this code can resume 0" in done.stdout
    assert "neuron 'second': not registered" in done.stdout
    assert "[2 runs: b, a]" in done.stdout


async def test_a_check_runs_nothing_and_drops_nothing(project: Path) -> None:
    async with app.runner_of(project / "runs.db") as runner:
        await (await runner.stimulate(app.started.create_signal("old"), stimulation_id="old"))
    await enqueued(project, "a")

    done = call(project, "check", "app:tidy", "--limit", "5")
    async with app.runner_of(project / "runs.db", max_active_runs=0) as observer:
        statuses = {run.stimulation_id: run.status for run in await observer.list()}

    assert done.returncode == Exit.DONE
    assert statuses == {"old": "completed", "a": "pending"}


def test_a_part_of_the_graph_without_a_name_is_a_problem(project: Path) -> None:
    done = call(project, "check", "app:nameless")

    assert done.returncode == Exit.NO
    assert "graph: neuron 'second' has no name" in done.stdout


async def test_json_tells_the_same(project: Path) -> None:
    await enqueued(project, "a", "b")

    clean = call(project, "check", "app:runner", "--json")
    older = call(project, "check", "app:Deployment.older", "--json")

    assert (clean.returncode, older.returncode) == (Exit.DONE, Exit.NO)
    assert document("check", clean.stdout) == {
        "clean": True,
        "checked": 2,
        "unfit": 0,
        "complete": True,
        "problems": [],
    }
    found = document("check", older.stdout)
    assert (found["clean"], found["unfit"]) == (False, 2)
    assert {"second"} <= {one["name"] for one in found["problems"]}
