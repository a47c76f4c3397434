"""What a runtime runs: a boundary, or something that is one underneath."""

from __future__ import annotations

from typing import Protocol, TypeVar

from signoff.boundary import Boundary, Subject

S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")
S_contra = TypeVar("S_contra", bound=Subject)
P_inv = TypeVar("P_inv")
R_inv = TypeVar("R_inv")


class Coordinated(Protocol[S_contra, P_inv, R_inv]):
    """Something that is crossed through a boundary of its own."""

    @property
    def boundary(self) -> Boundary[S_contra, P_inv, R_inv]:
        """What is crossed."""
        ...


def boundary_of(thing: Boundary[S, P, R] | Coordinated[S, P, R]) -> Boundary[S, P, R]:
    """The boundary that a thing is, or is underneath."""
    return thing if isinstance(thing, Boundary) else thing.boundary
