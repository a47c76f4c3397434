"""State owns what must survive a pause: the spine."""

from signoff.state._handle import Handle
from signoff.state._move import Move, Swapping, changing, moving, starting
from signoff.state._ports import SpineStore, SpineTransaction
from signoff.state._state_machine import StateMachine
from signoff.state._timer import After, At, Handler

__all__ = [
    "After",
    "At",
    "Handle",
    "Handler",
    "Move",
    "SpineStore",
    "SpineTransaction",
    "StateMachine",
    "Swapping",
    "changing",
    "moving",
    "starting",
]
