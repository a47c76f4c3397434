"""State owns what must survive a pause: the spine."""

from signoff.state._compared import Compared, Divergence, Level
from signoff.state._consumer import Consumer, Delivery, LatePolicy, Watermark
from signoff.state._event_log import Appended, Event, EventLog, Stale
from signoff.state._handle import Handle
from signoff.state._move import Move, Swapping, changing, moving, starting
from signoff.state._ports import EventStore, SpineStore, SpineTransaction
from signoff.state._state_machine import StateMachine
from signoff.state._timer import After, At, Handler

__all__ = [
    "After",
    "Appended",
    "At",
    "Compared",
    "Consumer",
    "Delivery",
    "Divergence",
    "Event",
    "EventLog",
    "EventStore",
    "Handle",
    "Handler",
    "LatePolicy",
    "Level",
    "Move",
    "SpineStore",
    "SpineTransaction",
    "Stale",
    "StateMachine",
    "Swapping",
    "Watermark",
    "changing",
    "moving",
    "starting",
]
