"""Parcels that are labelled, mailed about and shipped by whoever works: an application for workers.

Where the mailer keeps its account, and how slow it is, stands in the environment, so that worker
processes find it.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from keyed_service import KeyedService
from pydantic import BaseModel

from signoff import Boundary, External, Runtime, Transactional, Write
from signoff.control import Approval
from signoff.state import After, Handle, StateMachine
from signoff.testing import Scripted


class Parcel(BaseModel):
    id: str


class Label(BaseModel):
    text: str


State = Literal["placed", "labelled", "shipped"]


def mailer() -> KeyedService:
    return KeyedService(Path(os.environ["PARCELS_MAIL"]))


def note(line: str) -> None:
    with Path(f"{os.environ['PARCELS_MAIL']}.begun").open("a") as begun:
        begun.write(f"{line}\n")


async def mail(label: Label, parcel: Parcel, key: str) -> str:
    note(f"{os.getpid()} {parcel.id}")
    await asyncio.sleep(float(os.environ.get("PARCELS_SLOW", "0")))
    receipt = mailer().do(key, honours_keys=True)
    await asyncio.sleep(float(os.environ.get("PARCELS_SLOW_AFTER", "0")))
    return receipt


async def find_mail(key: str) -> str | None:
    return mailer().ask(key)


mails = External(mail, reconcile=find_mail, name="parcel.mail")


def put_on(label: Label, parcel: Parcel, write: Write[Parcel]) -> str:
    write.enqueue(mails, label)
    return label.text


labels = Boundary(
    "parcel.label",
    proposer=Scripted(Label(text="to dana"), repeat=True),
    verifiers=[],
    commit=Transactional(put_on, effects=(mails,)),
    subject=Parcel,
)

refunds = Boundary(
    "parcel.refund",
    proposer=Scripted(Label(text="refund"), repeat=True),
    verifiers=[],
    commit=Transactional(lambda label, parcel, write: label.text),
    subject=Parcel,
).bounded_by(Approval(ask="dana", within=timedelta(hours=1)))


async def label_it(runtime: Runtime, parcel: Handle[Any, Any]) -> None:
    await runtime.advance(parcel, "labelled", through=labels)


parcels = StateMachine(
    "parcel",
    {"placed": {"labelled"}, "labelled": {"shipped"}},
    start="placed",
    timers=[
        After(timedelta(seconds=0.2), at="placed", do=label_it),
        After(timedelta(seconds=0.4), at="labelled", go="shipped"),
    ],
    subject=Parcel,
)

everything = [labels, refunds, parcels]
