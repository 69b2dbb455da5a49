"""Tables from databases, by one read-only query through SQLAlchemy; credentials never reach a message."""

from __future__ import annotations

import os
import re
import sqlite3
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, quote_plus

from bayescope.data.columns import from_values
from bayescope.data.files import from_columns
from bayescope.data.table import Table
from bayescope.errors import DataError, Finding

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_SOURCE = "SQL query"
_QUOTED_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_READ_ONLY = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}


def read_sql(query: str, url_env: str, needed: Collection[str] | None = None) -> Table:
    """Read the result of one SELECT, in a session that cannot write.

    SQLite files are opened read-only, with an authorizer that allows nothing but reading;
    PostgreSQL, MySQL, MariaDB and Oracle get a read-only transaction; every transaction is
    rolled back. The rows keep the order in which the query returns them (use ORDER BY).

    Args:
        query: one SELECT (or WITH ... SELECT) statement.
        url_env: the environment variable that holds the database's URL, in SQLAlchemy's form.
        needed: the columns that the fingerprint covers; None: all.

    Raises:
        DataError: the variable is not set, the database cannot be reached, or the query fails.
    """
    check_query(query)
    url = _url(url_env)
    names, rows = _fetch(url, query, url_env)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        findings = [
            Finding("several columns of the result have this name; name them with AS", n) for n in repeated
        ]
        raise DataError(findings, _SOURCE)
    if not rows:
        _refuse("the query returned no rows")
    columns = {name: from_values([row[i] for row in rows]) for i, name in enumerate(names)}
    return from_columns(columns, _SOURCE, needed)


def _refuse(message: str) -> NoReturn:
    raise DataError([Finding(message)], _SOURCE) from None


def check_query(query: str) -> None:
    """Refuse anything but one SELECT or WITH statement.

    Raises:
        DataError: the query is empty, something else, or more than one statement.
    """
    bare = _QUOTED_OR_COMMENT.sub(lambda found: " " if found[0][:2] in ("--", "/*") else "''", query)
    bare = bare.strip().rstrip(";").strip()
    first = re.match(r"\(*\s*(\w*)", bare)
    word = first[1].upper() if first else ""
    if word not in ("SELECT", "WITH"):
        _refuse(
            f"the query must be a SELECT, this one starts with '{word}'" if word else "the query is empty"
        )
    if ";" in bare:
        _refuse("the query must be one statement; remove everything after the first `;`")


def _url(url_env: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    text = os.environ.get(url_env)
    if not text:
        _refuse(f"the environment variable {url_env} is not set; it must hold the URL of the database")
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        _refuse(f"{url_env} does not hold a database URL (such as postgresql://user:password@host/name)")


def _fetch(url: URL, query: str, url_env: str) -> tuple[list[str], list[Any]]:
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

    try:
        engine = _engine(url)
    except NoSuchModuleError:
        _refuse(f"{url_env} names the kind of database '{url.drivername}', which SQLAlchemy does not know")
    except ImportError:
        _refuse(f"the driver for '{url.drivername}' ({url_env}) is not installed")
    except (SQLAlchemyError, TypeError, ValueError) as error:
        _refuse(f"the URL in {url_env} cannot be used: {_without_credentials(str(error), url)}")
    try:
        with engine.connect() as connection:
            return _select(connection, query)
    except DBAPIError as error:
        reason = str(error.orig)
    except (SQLAlchemyError, sqlite3.Error, OSError, TypeError, ValueError) as error:
        reason = str(error)
    finally:
        engine.dispose()
    _refuse(f"the database of {url_env} answers: {_without_credentials(reason, url)}")


def _engine(url: URL) -> Engine:
    from sqlalchemy import create_engine

    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    return create_engine("sqlite://", creator=lambda: _open_sqlite(url.database or ":memory:"))


def _open_sqlite(database: str) -> sqlite3.Connection:
    """Open a SQLite file so that it is neither made nor changed."""
    name = f"file:{quote(database)}?mode=ro" if database != ":memory:" else "file::memory:"
    connection = sqlite3.connect(name, uri=True)
    connection.execute("PRAGMA query_only = ON")
    return connection


_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    del first
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _select(connection: Connection, query: str) -> tuple[list[str], list[Any]]:
    statement = _READ_ONLY.get(connection.dialect.name)
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):  # only now: SQLAlchemy's own set-up runs a PRAGMA
        raw.set_authorizer(_authorize)
    if statement is not None:
        connection.exec_driver_sql(statement)
    result = connection.exec_driver_sql(query)
    names, rows = list(result.keys()), list(result.fetchall())
    connection.rollback()
    return names, rows


def _without_credentials(message: str, url: URL) -> str:
    """Cut a database's message to one line and blank out every part of the URL that may be secret."""
    secrets = {str(url.password or ""), url.username or "", url.render_as_string(hide_password=False)}
    for value in url.query.values():
        secrets.update((value,) if isinstance(value, str) else value)
    line = (message.splitlines() or ["no reason given"])[0]
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        for form in (secret, quote(secret), quote_plus(secret)):
            line = line.replace(form, "***")
    return line[:300]
