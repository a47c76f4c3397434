"""The two trunks of what can be raised.

SignoffError                     the world failed us: report it, or try again
  - BadInput                     a file or a text that somebody gave us is wrong
  - Held                         an effect in doubt holds the row for longer than we wait
  - NotAllowed                   somebody's kill or answer does not count; `code` says why
  - NotNow                       a control halted the work: it is done again later
  - StorageUnavailable           the database cannot be reached, written or trusted
    - StoreInUse                 another runtime holds this SQLite file
    - StoreMoved                 everything in it was moved to another store
    - StoreNotOurs               the database is not one of ours
    - StoreTooNew                a newer version of signoff wrote it
    - StoreUnfinished            a move into it has not come to its end
UsageError                       you wrote it wrong: fix the code, never catch
  - UnknownTransition            a move that the state machine does not allow
  - NotRegistered                work is due for a boundary or machine that nobody registered
  - MissingExtra                 an optional dependency is not installed

A rejection is neither: the boundary saying no is the system working, and comes back as a value.
"""

from __future__ import annotations

__all__ = [
    "BadInput",
    "Held",
    "MissingExtra",
    "NotAllowed",
    "NotNow",
    "NotRegistered",
    "SignoffError",
    "StorageUnavailable",
    "StoreInUse",
    "StoreMoved",
    "StoreNotOurs",
    "StoreTooNew",
    "StoreUnfinished",
    "UnknownTransition",
    "UsageError",
]


class SignoffError(Exception):
    """The world failed us. Nothing half-written is left behind."""


class BadInput(SignoffError):
    """A file, a line or a text that somebody gave us is wrong; the message says where and why."""


class Held(SignoffError):
    """A crossing whose effect has not settled holds the row; settle or resolve that one first."""


class NotAllowed(SignoffError):
    """Somebody's kill or answer does not count. That they tried is on the ledger.

    Attributes:
        code: Why, for programs: `no_role`, `four_eyes`, `answered`, `expired`, `stale_version`,
            `policy_changed`, `other_proposal`, `no_such_ticket`, `killed`, `may_not_kill`, ...
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotNow(SignoffError):
    """A control halted the work for now. A timer's handler raises it to be run again later."""


class StorageUnavailable(SignoffError):
    """The database cannot be reached or written. What was acknowledged before is safe."""


class StoreInUse(StorageUnavailable):
    """Another runtime holds this SQLite file."""


class StoreMoved(StorageUnavailable):
    """Everything in this store was moved to another one, where the work goes on."""


class StoreNotOurs(StorageUnavailable):
    """The database exists, but it is not a signoff store."""


class StoreTooNew(StorageUnavailable):
    """A newer version of signoff wrote this store."""


class StoreUnfinished(StorageUnavailable):
    """A move into this store is under way, or was interrupted: it is not whole."""


class UsageError(Exception):
    """Wrong use of the library. Fix the code; do not catch."""


class UnknownTransition(UsageError):
    """The state machine does not allow this move."""


class NotRegistered(UsageError):
    """Durable work names a boundary, machine or effect that the runtime was not given."""


class MissingExtra(UsageError):
    """An optional dependency is not installed; the message names the command that installs it."""
