from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from cnstra.errors import StoreError
from cnstra.persist.commands import NewCommand
from cnstra.stores import PostgresStore
from cnstra.stores.postgres import schema
from cnstra.stores.postgres.pipe import Statement
from cnstra.testing.building import admitted, hop, new_run
from tests.stores.postgres_stores import open_postgres_store, query

OPENS = """
import asyncio, sys
from cnstra.stores import PostgresStore

async def main():
    store = PostgresStore(sys.argv[1], schema=sys.argv[2])
    sys.stdin.readline()
    await store.open()
    print(await store.get("", "nobody"))
    await store.close()

asyncio.run(main())
"""


@pytest.fixture
def role(postgres_url: str, postgres_schema: str) -> Iterator[str]:
    """A role that may do nothing yet."""
    name = f"cnstra_role_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            pytest.skip("the role of this server may not create roles")
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:secret@{parts.netloc.rpartition('@')[2]}").geturl()


async def version_of(url: str, schema_name: str) -> int:
    [(found,)] = await query(url, schema_name, "SELECT schema_version FROM meta")
    return int(found)


# ---- making the tables ---------------------------------------------------------------------------------------------


async def test_the_tables_are_made_once(postgres_url: str, postgres_schema: str) -> None:
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        await admitted(store)
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        assert await store.get("", "run") is not None

    assert await version_of(postgres_url, postgres_schema) == schema.SCHEMA_VERSION


async def test_ten_processes_may_open_it_at_once(postgres_url: str, postgres_schema: str) -> None:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", OPENS, postgres_url, postgres_schema)
    processes = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(10)]

    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert [output for output, _ in outputs] == [b"None\n"] * 10
    assert await version_of(postgres_url, postgres_schema) == schema.SCHEMA_VERSION


async def test_a_schema_that_is_newer_than_this_code_is_refused(postgres_url: str, postgres_schema: str) -> None:
    async with open_postgres_store(postgres_url, postgres_schema):
        await query(postgres_url, postgres_schema, "UPDATE meta SET schema_version = 999")

    with pytest.raises(StoreError, match=r"has schema version 999, and this cnstra knows versions up to \d+: upgrade"):
        await PostgresStore(postgres_url, schema=postgres_schema).open()

    assert await version_of(postgres_url, postgres_schema) == 999


async def test_a_migration_that_fails_leaves_nothing(postgres_url: str, postgres_schema: str) -> None:
    await query(postgres_url, "public", f'CREATE SCHEMA "{postgres_schema}"')
    await query(postgres_url, postgres_schema, "CREATE TABLE hops (mine integer)")

    with pytest.raises(StoreError, match='relation "hops" already exists'):
        await PostgresStore(postgres_url, schema=postgres_schema).open()

    tables = await query(
        postgres_url,
        postgres_schema,
        f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = '\"{postgres_schema}\"'::regnamespace",
    )
    assert tables == [("hops",)]


# ---- names ---------------------------------------------------------------------------------------------------------


async def test_stores_with_other_prefixes_share_a_schema(postgres_url: str, postgres_schema: str) -> None:
    async with (
        open_postgres_store(postgres_url, postgres_schema) as plain,
        open_postgres_store(postgres_url, postgres_schema, prefix="my_") as mine,
    ):
        await admitted(plain)

        assert await mine.get("", "run") is None
        assert await mine.commit([hop(await admitted(mine))]) == [True]

    [(relation,)] = await query(postgres_url, postgres_schema, "SELECT to_regclass('my_runs_free') IS NOT NULL")
    assert relation


async def test_names_may_be_any(postgres_url: str, postgres_schema: str) -> None:
    odd = f'{postgres_schema[:50]}."; Ä%s'
    try:
        async with open_postgres_store(postgres_url, odd, prefix='"%(x)s {0}.') as store:
            assert await store.commit([hop(await admitted(store))]) == [True]
            assert len(await store.claim("", "other", dead=["worker"], limit=1)) == 1
            assert (await store.stats("")).size is not None
            await store.order(NewCommand("", "key", "retry", "run", b"{}", "ann"))
            assert await store.take_command("", "other", kinds=["retry"], dead=()) is not None
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(odd)))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ({"schema": ""}, "the schema has no name"),
        ({"schema": "x" * 64}, "at most 63 bytes"),
        ({"schema": "a\0"}, "no NUL"),
        ({"schema": "\ud800"}, "no valid Unicode"),
        ({"prefix": "x" * 41}, "at most 40 bytes"),
    ],
)
def test_names_that_postgres_would_cut_are_refused(names: dict[str, str], problem: str) -> None:
    with pytest.raises(StoreError, match=problem):
        PostgresStore("postgresql://host/db", schema=names.get("schema"), prefix=names.get("prefix"))


def test_names_in_the_address_and_beside_it_must_agree() -> None:
    PostgresStore("postgresql://host/db?cnstra_schema=a", schema="a")

    with pytest.raises(StoreError, match="the schema is 'a' in the address and 'b' beside it"):
        PostgresStore("postgresql://host/db?cnstra_schema=a", schema="b")


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("postgresql://me:secret@h1:1,h2:2/db?sslmode=require", "postgresql://me@h1,h2:1,2/db"),
        ("postgres://host", "postgresql://host/"),
        ("host=db dbname=jobs password=secret", "postgresql://db/jobs"),
        ("postgresql://host/db?cnstra_schema=a%20b&password=secret", "postgresql://host/db, schema a b"),
    ],
)
def test_a_label_has_no_secret(url: str, label: str) -> None:
    assert PostgresStore(url).label == f"the Postgres store {label}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:sec/ret@host/db",
        "postgresql://me:123/secret@host/db",
        "postgresql://me:secret@host/db?sslmod=require",
        "postgresql://me:secret%zz@host/db",
        "password=secret hosts=db",
    ],
)
def test_an_address_that_cannot_be_read_is_not_quoted(url: str) -> None:
    with pytest.raises(StoreError, match="cannot be read: write postgresql://user:password@host") as caught:
        PostgresStore(url)

    assert "sec" not in str(caught.value)
    assert caught.value.__cause__ is None


# ---- roles ---------------------------------------------------------------------------------------------------------


async def test_a_role_that_may_only_write_is_enough_once_the_tables_are_there(
    postgres_url: str, postgres_schema: str, role: str
) -> None:
    async with open_postgres_store(postgres_url, postgres_schema):
        await query(postgres_url, postgres_schema, f'GRANT USAGE ON SCHEMA "{postgres_schema}" TO {role}')
        rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA"
        await query(postgres_url, postgres_schema, f'GRANT {rights} "{postgres_schema}" TO {role}')

    async with open_postgres_store(as_role(postgres_url, role), postgres_schema) as store:
        assert await store.commit([hop(await admitted(store))]) == [True]
        await admitted(store, new_run("next"), worker_id=None)
        assert len(await store.claim("", "other", dead=["worker"], limit=9)) == 2
        assert await store.delete("", "run", dead=["other"])
        assert (await store.stats("")).runs["running"] == 1


async def test_a_role_that_may_not_create_is_told_what_is_missing(
    postgres_url: str, postgres_schema: str, role: str
) -> None:
    store = PostgresStore(as_role(postgres_url, role), schema=postgres_schema)

    with pytest.raises(StoreError, match=r"the tables? .*may not make them|may not make them in the schema") as caught:
        await store.open()

    assert f"the role {role!r}" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_role_without_rights_on_the_tables_is_told(postgres_url: str, postgres_schema: str, role: str) -> None:
    async with open_postgres_store(postgres_url, postgres_schema):
        pass

    with pytest.raises(StoreError, match="the role lacks a right: grant USAGE on the schema"):
        await PostgresStore(as_role(postgres_url, role), schema=postgres_schema).open()


# ---- settings ------------------------------------------------------------------------------------------------------


async def test_no_default_of_a_role_weakens_a_commit(postgres_url: str, postgres_schema: str, role: str) -> None:
    for setting in (
        "synchronous_commit = off",
        "default_transaction_isolation = serializable",
        "default_transaction_read_only = on",
        "extra_float_digits = -5",
        "search_path = nowhere",
    ):
        await query(postgres_url, "public", f"ALTER ROLE {role} SET {setting}")
    await query(postgres_url, "public", f'CREATE SCHEMA "{postgres_schema}" AUTHORIZATION {role}')

    async with open_postgres_store(as_role(postgres_url, role), postgres_schema) as store:
        state = await admitted(store)
        assert await store.commit([hop(state)]) == [True]
        assert await store.get("", "run") is not None
        async with store._access.statement() as session, store.transaction() as transaction:
            for connection in (session.connection, transaction.connection):
                cursor = await connection.execute(
                    "SELECT current_setting('synchronous_commit'), current_setting('transaction_isolation')"
                )
                assert await cursor.fetchone() == ("on", "read committed")
        pipe = store._access._committer
        assert (await pipe.run(Statement(None, b"SHOW synchronous_commit"))).get_value(0, 0) == b"on"
