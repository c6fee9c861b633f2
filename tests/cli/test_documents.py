import json

import pytest

from cnstra.cli.documents import SCHEMAS, schema_of
from tests.cli.invoking import SCHEMAS as FOLDER


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_the_schema(name: str) -> None:
    published = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")

    assert json.loads(published) == schema_of(name), f"write json.dumps(schema_of({name!r}), indent=2) there"


def test_nothing_else_is_published() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.schema.json" for name in SCHEMAS}
