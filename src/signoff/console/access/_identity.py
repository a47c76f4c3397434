"""How somebody proved who they are, so that it can be asked again at every request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Way: TypeAlias = Literal["key", "password", "oidc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A name, and what it rests on.

    Attributes:
        way: How they came in.
        proof: What has to be unchanged for them to stay in: the password's hash as it was, or the
            provider that vouched.
        claimed: What the provider said of their roles.
    """

    name: str
    way: Way
    proof: str = field(default="", repr=False)
    claimed: frozenset[str] = frozenset()
