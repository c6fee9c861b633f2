"""Running the command line in the process of the test, which takes a tenth of the time of a process of its own."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from typer.testing import CliRunner, Result

from cnstra.cli.app import app

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def invoke(*arguments: str) -> Result:
    """Run a command to its end; what it did not expect is raised."""
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def document(schema: str, text: str) -> Any:
    """Return a printed document, which must be what the published schema says."""
    data = json.loads(text)
    _validator(schema).validate(data)
    return data


@cache
def _validator(schema: str) -> Any:
    published = json.loads((SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for(published, validate_formats=True)
