"""Whoever is told to stop stops, even in the moment in which a timeout of its own strikes."""

from __future__ import annotations

import asyncio
from typing import Any

from signoff.control._letting_go import let_go


async def _waits_again_and_again() -> None:
    while True:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            pass


def test_a_timeout_that_strikes_just_then_does_not_take_the_cancellation_for_its_own() -> None:
    async def main() -> None:
        task: asyncio.Task[Any] = asyncio.create_task(_waits_again_and_again())
        # Until its timeout has struck and it does not know it yet.
        while not task.cancelling():  # noqa: ASYNC110
            await asyncio.sleep(0)
        await let_go([task])
        assert task.cancelled()

    asyncio.run(main())
