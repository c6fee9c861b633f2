"""What must be true of the project as a whole, whichever part of it changes."""

import ast
import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import cnstra

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "cnstra"

PROMISED_NAMES = """
    CNS Axon Neuron Collateral Signal Stimulation StimulationGate Network ActivationTask TaskFailure Response Drain
    AbortController AbortSignal CNSStimulationContextStore CNSPersistOptionsRegistry NeuronEntry create_persist_registry
    collateral neuron with_ctx with_global neuron_factory modality afferent_path DurableRunner open_store
    CNSError BindingError NoHandlerError NeuronTimeout MaxNeuronHopsExceeded StimulationFailed StimulationAborted
    NameConflict UnknownName PayloadError Fenced StoreError
"""

# Joined here, so that this file does not find itself.
REGISTRY_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]


def public_packages() -> list[str]:
    """Return the dotted names of cnstra and of its packages that have no underscore."""
    found = (path.parent.relative_to(SOURCE.parent) for path in SOURCE.rglob("__init__.py"))
    return sorted(".".join(path.parts) for path in found if not any(part.startswith("_") for part in path.parts))


def imported_packages(node: ast.AST) -> Iterator[str]:
    """Yield the top-level package of each absolute import that can run, at whatever depth it stands."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module.partition(".")[0]
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = iter(node.orelse)
    for child in children:
        yield from imported_packages(child)


def project_files() -> list[Path]:
    """Return what a commit would hold, which leaves out environments and caches."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git work tree")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement adds to a fresh, isolated interpreter."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-I", "-c", program]
    return set(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("name", PROMISED_NAMES.split())
def test_a_promised_name_is_importable_from_cnstra(name: str) -> None:
    assert getattr(cnstra, name) is not None
    assert name in cnstra.__all__


@pytest.mark.parametrize("package", public_packages())
def test_each_name_in_all_resolves_and_stands_once(package: str) -> None:
    module = importlib.import_module(package)
    names = list(module.__all__)

    assert [name for name in names if not hasattr(module, name)] == []
    assert len(names) == len(set(names))


def test_importing_cnstra_loads_nothing_third_party_but_msgspec() -> None:
    packages = {name.partition(".")[0] for name in loaded_by("import cnstra")}

    assert packages - set(sys.stdlib_module_names) <= {"cnstra", "msgspec"}


@pytest.mark.parametrize("module", ["asyncio", "sqlite3"])
def test_importing_cnstra_does_not_load_what_only_some_runs_need(module: str) -> None:
    assert module not in loaded_by("import cnstra")


@pytest.mark.parametrize("path", [SOURCE / "errors.py", *sorted((SOURCE / "core").rglob("*.py"))], ids=lambda p: p.stem)
def test_the_core_imports_the_standard_library_and_itself_alone(path: Path) -> None:
    module = ast.parse(path.read_text(encoding="utf-8"))

    assert set(imported_packages(module)) <= {"cnstra", *sys.stdlib_module_names}


def test_the_package_tells_type_checkers_that_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


def test_the_changelog_has_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f"## [{cnstra.__version__}]" in changelog


def test_the_base_install_needs_msgspec_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert [requirement.partition(">")[0] for requirement in project["dependencies"]] == ["msgspec"]


@pytest.mark.parametrize("name", ["bench.txt", "dev.txt"])
def test_every_development_requirement_is_pinned(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if "==" not in line.partition(";")[0]] == []


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    naming = [path for path in project_files() if host.encode() in path.read_bytes()]

    assert naming == []
