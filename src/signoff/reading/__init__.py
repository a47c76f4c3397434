"""Reading owns what a store tells a person, for whoever shows it: the command line or the console.

Accounts of subjects, tickets with all that bears on their answer, what a kill reaches, who lives.
"""

from signoff.reading._account import (
    apart,
    body_of,
    chain,
    ids_like,
    parsed,
    payloads,
    records_of,
    subject_of,
    subjects,
)
from signoff.reading._answers import Followed, follow, give
from signoff.reading._caps import Cap, Throttled, throttled
from signoff.reading._chapters import Chapter, Line, chapters, standing, story_as_json
from signoff.reading._control_health import FORGOTTEN, STALE, beating
from signoff.reading._controls import ControlsSet, Share, controls_set
from signoff.reading._existing import NoStore, check_there, existing
from signoff.reading._finding import Finding
from signoff.reading._health import examine_store
from signoff.reading._proof import ChainProof, prove_stretch
from signoff.reading._proposal import exact_json, read_proposal
from signoff.reading._scope import (
    FATES,
    Reached,
    last_change,
    may_be_a_slip,
    reached,
    refused_to_kill,
)
from signoff.reading._seen import Seen, see
from signoff.reading._telling import Body, part_told, told
from signoff.reading._tickets import (
    STATUSES,
    by_deadline,
    countdown,
    find_ticket,
    is_overdue,
    known_ticket,
    short_ids,
    ticket_as_json,
)
from signoff.reading._tree import Node, crossing_tree, find_node

__all__ = [
    "FATES",
    "FORGOTTEN",
    "STALE",
    "STATUSES",
    "Body",
    "Cap",
    "ChainProof",
    "Chapter",
    "ControlsSet",
    "Finding",
    "Followed",
    "Line",
    "NoStore",
    "Node",
    "Reached",
    "Seen",
    "Share",
    "Throttled",
    "apart",
    "beating",
    "body_of",
    "by_deadline",
    "chain",
    "chapters",
    "check_there",
    "controls_set",
    "countdown",
    "crossing_tree",
    "exact_json",
    "examine_store",
    "existing",
    "find_node",
    "find_ticket",
    "follow",
    "give",
    "ids_like",
    "is_overdue",
    "known_ticket",
    "last_change",
    "may_be_a_slip",
    "parsed",
    "part_told",
    "payloads",
    "prove_stretch",
    "reached",
    "read_proposal",
    "records_of",
    "refused_to_kill",
    "see",
    "short_ids",
    "standing",
    "story_as_json",
    "subject_of",
    "subjects",
    "throttled",
    "ticket_as_json",
    "told",
]
