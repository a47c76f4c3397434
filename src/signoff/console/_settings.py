"""What the console is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from signoff.console.access import AccessSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the console is started with.

    Attributes:
        store: URL of the store that it shows; a runtime made it.
        read_from: URL of a replica of it that pages are read from; empty without one.
        access: Where it is reached, and by whom.
        principals: Who may answer and who may kill, in TOML; read anew when it changes.
        index: Where its own index of the ledger lies. By default beside the store, or in the
            user's cache folder.
        projects: Folders with decision records and the applications that they are about.
        replays: Folder with what `signoff replay … --json` printed, one file for each run.
    """

    store: str
    read_from: str = ""
    access: AccessSettings = field(default_factory=AccessSettings)
    principals: Path = Path("signoff.toml")
    index: Path | None = None
    projects: tuple[Path, ...] = (Path(),)
    replays: Path = Path("replays")
