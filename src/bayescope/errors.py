"""Every error that bayescope raises on purpose, with the exit code it ends a command with.

A stage that finds something wrong raises one error that lists *all* the problems it found.
Problems carry the path of the offending key (`model.priors.sigma`) or the column and row of
the offending value; the pipeline turns key paths into `file:line:column`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

type KeyPath = tuple[str | int, ...]

_SHOWN = 100  # problems; `problems` has them all


class BayescopeError(Exception):
    """A failure with a message for the user.

    The command line prints the message, never a traceback, and exits with `exit_code`.
    """

    exit_code = 1


def interrupt_behind(error: BaseException) -> BaseException | None:
    """Return the interrupt (Ctrl-C, SIGTERM) that `error` was raised from or during, if there is one.

    Compiled code that is interrupted ends in a SystemError.
    """
    seen: list[BaseException] = [error]
    for each in seen:
        if isinstance(each, KeyboardInterrupt | SystemExit):
            return each
        seen += [e for e in (each.__cause__, each.__context__) if e is not None and e not in seen]
    return None


@dataclass(frozen=True)
class Where:
    """A place in a text: `file`, 1-based `line` and `column` (line 0: the whole source)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Write the place as `file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration: where, which key, what, and what to do about it."""

    path: KeyPath
    message: str
    where: Where | None = None

    def __str__(self) -> str:
        """Write place, key and message, as the command line prints them."""
        key = ".".join(str(part) for part in self.path)
        return ": ".join(str(part) for part in (self.where, key, self.message) if part)


class ConfigError(BayescopeError):
    """The command line or the configuration is wrong; `problems` lists everything found."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - _SHOWN
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        super().__init__("\n".join([*lines, *([f"... and {more:,} more problems"] if more > 0 else [])]))


@dataclass(frozen=True)
class Finding:
    """One thing wrong with the data: the column and the 1-based data row, where they apply."""

    message: str
    column: str | None = None
    row: int | None = None

    def __str__(self) -> str:
        """Write column, row and message."""
        place = ", ".join(
            text
            for text in (
                self.column is not None and f"column '{self.column}'",
                self.row is not None and f"row {self.row}",
            )
            if text
        )
        return f"{place}: {self.message}" if place else self.message


class DataError(BayescopeError):
    """The data were refused; `findings` lists everything found, `source` names the data."""

    exit_code = 3

    def __init__(self, findings: Iterable[Finding], source: str = "data") -> None:
        self.findings = tuple(findings)
        self.source = source
        super().__init__("\n".join(f"{source}: {finding}" for finding in self.findings))


class FitError(BayescopeError):
    """One method could not give an answer; `advice` says what the user can do.

    `instead` names other methods, with what to use each for: to those that have an answer for the model
    `bayescope.inference.registry` sends the user.
    """

    def __init__(self, message: str, advice: str = "", **instead: str) -> None:
        self.message = message
        self.advice = advice
        self.instead = instead
        super().__init__(f"{message} {advice}".strip())


class NotApplicable(FitError):  # noqa: N818  an outcome, not an error
    """The method has no answer for this model, by its nature; nothing went wrong."""


class RunFolderError(BayescopeError):
    """A run folder cannot be read or written."""


class NoRunFolderError(RunFolderError):
    """What is named is not a run folder: a mistake on the command line."""

    exit_code = 2


class StrictError(BayescopeError):
    """A check failed and `--strict` was given."""

    exit_code = 4
