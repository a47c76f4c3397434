"""`python -m benchmarks.endurance.person STORE`: dana, who answers what she is asked."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.endurance.orders import is_liked
from signoff.control import Answer, Principals
from signoff.errors import NotAllowed, SignoffError
from signoff.reading import existing, give

#: Seconds between two looks into her inbox.
LOOKS_EVERY = 0.5


async def main(store: str) -> None:
    print("working", flush=True)
    while True:
        try:
            async with existing(store) as opened:
                while True:
                    async for ticket in opened.tickets("open"):
                        if ticket.ask != "dana":
                            continue
                        kind = "approve" if is_liked(ticket.subject) else "deny"
                        said = Answer(kind=kind, by="dana", because="so it is")
                        try:
                            await give(opened, ticket.id, said, Principals())
                        except NotAllowed as refused:
                            print(refused, file=sys.stderr, flush=True)
                    await asyncio.sleep(LOOKS_EVERY)
        except SignoffError as error:
            print(error, file=sys.stderr, flush=True)
            await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
