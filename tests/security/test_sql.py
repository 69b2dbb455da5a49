"""A query can read and nothing else: whatever it tries, the database and the folder stay as they were."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from bayescope.data.sql import read_sql
from bayescope.errors import DataError

WRITES = [
    "DELETE FROM rows",
    "UPDATE rows SET y = 0",
    "INSERT INTO rows VALUES (9, 9)",
    "REPLACE INTO rows VALUES (9, 9)",
    "DROP TABLE rows",
    "ALTER TABLE rows RENAME TO r",
    "CREATE TABLE t (x)",
    "CREATE TEMP TABLE t AS SELECT * FROM rows",
    "CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM rows; END",
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "REINDEX",
    "ANALYZE",
    "ATTACH DATABASE 'other.db' AS o",
    "DETACH DATABASE main",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = WAL",
    "BEGIN IMMEDIATE",
    "SAVEPOINT s",
    "EXPLAIN DELETE FROM rows",
    "SELECT y FROM rows; DELETE FROM rows",
    "SELECT y FROM rows; -- fine\nDELETE FROM rows",
    "SELECT ';' AS x; DELETE FROM rows",
    "/* SELECT */ DELETE FROM rows",
    "-- SELECT\nDELETE FROM rows",
    "WITH a AS (SELECT 1) DELETE FROM rows",
    "WITH a AS (SELECT 9, 9) INSERT INTO rows SELECT * FROM a",
    "WITH a AS (SELECT 1) UPDATE rows SET y = 0",
    "WITH a AS (DELETE FROM rows RETURNING *) SELECT * FROM a",
    "SELECT load_extension('evil')",
    "SELECT load_extension('evil', 'entry') FROM rows",
    "SELECT LOAD_EXTENSION('evil')",
    "SELECT writefile('pwned', 'x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT edit('x', 'touch pwned')",
    "SELECT eval('DELETE FROM rows')",
    "SELECT * FROM pragma_query_only(0)",
    "SELECT * INTO copy FROM rows",
    "SELECT y FROM rows INTO OUTFILE 'pwned'",
    "(DELETE FROM rows)",
    "COPY rows TO PROGRAM 'touch pwned'",
    "EXEC xp_cmdshell 'touch pwned'",
    "",
    ";",
    "\0SELECT 1",
]


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    connection = sqlite3.connect("rows.db")
    connection.execute("create table rows (y real, x real)")
    connection.executemany("insert into rows values (?, ?)", [(1, 1), (2, 2), (3, 4)])
    connection.commit()
    connection.close()
    monkeypatch.setenv("HOSTILE_URL", "sqlite:///rows.db")
    return tmp_path / "rows.db"


def state(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir()}


@pytest.mark.parametrize("query", WRITES)
def test_it_is_refused_and_nothing_is_written(query, database):
    before = state(database.parent)
    with pytest.raises(DataError):
        read_sql(query, "HOSTILE_URL")
    assert state(database.parent) == before


@pytest.mark.parametrize("path", ["absent.db", "new/rows.db"])
def test_a_database_that_is_not_there_is_not_made(path, database, monkeypatch):
    before = state(database.parent)
    monkeypatch.setenv("HOSTILE_URL", f"sqlite:///{path}")
    with pytest.raises(DataError):
        read_sql("SELECT 1 AS x", "HOSTILE_URL")
    assert state(database.parent) == before


@pytest.mark.parametrize("path", ["rows.db?mode=rwc", "rows.db?mode=memory", "file:rows.db?mode=rwc&uri=true", "rows.db#x"])  # fmt: skip
def test_the_url_of_the_database_cannot_open_it_for_writing(path, database, monkeypatch):
    monkeypatch.setenv("HOSTILE_URL", f"sqlite:///{path}")
    before = state(database.parent)
    for query in ("DELETE FROM rows", "WITH a AS (SELECT 1) DELETE FROM rows"):
        with pytest.raises(DataError):
            read_sql(query, "HOSTILE_URL")
    assert state(database.parent) == before


def test_reading_leaves_even_the_times_of_the_file(database):
    before = database.stat().st_mtime_ns
    table = read_sql(
        "WITH a AS (SELECT y FROM rows) SELECT y, ';DELETE' AS t FROM a -- DELETE", "HOSTILE_URL"
    )
    assert list(table.columns["y"]) == [1.0, 2.0, 3.0]
    assert database.stat().st_mtime_ns == before


def test_a_password_in_the_url_is_in_no_message(database, monkeypatch):
    monkeypatch.setenv("HOSTILE_URL", "postgresql://user:hunter2@127.0.0.1:1/db")
    with pytest.raises(DataError) as refusal:
        read_sql("SELECT 1 AS x", "HOSTILE_URL")
    assert "hunter2" not in str(refusal.value)
