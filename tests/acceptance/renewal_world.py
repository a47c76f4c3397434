"""Runs of the renewal agent in processes of their own, to be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from signoff.storage import storage_at
from signoff.workloads.contract_renewal import run as renewal_run
from signoff.workloads.contract_renewal.audit import Damage, audit, standing_effects
from signoff.workloads.contract_renewal.customers import Customer, read_customers
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.services import Faults, open_services

FAULTS = Faults.evenly(0.10, seed=7)


@dataclass(frozen=True)
class World:
    """One store, one set of services, one file of customers."""

    store: str
    services: Path
    customers: list[Customer]
    seed: int = 3

    def run(self) -> renewal_run.Report:
        """Run to the end, in this process."""
        with open_services(self.services, FAULTS) as services:
            return asyncio.run(
                renewal_run.run_renewals(
                    self.customers, storage_at(self.store), services, digest="test", seed=self.seed
                )
            )

    def fork(self) -> int:
        """Begin, or go on, in a child process; its id. The child exits with 0 at the end."""
        child = os.fork()
        if child:
            return child
        status = 70
        try:
            self.run()
            status = 0
        finally:
            os._exit(status)

    def effects(self) -> Counter[str]:
        """What the services did and did not take back, payload by payload, with how often.

        A process that is killed asks again, and a further try may meet a record that is locked:
        how often something was done and taken back is a matter of luck, what stands is not.
        """
        done: Counter[str] = Counter()
        with open_services(self.services, Faults.none()) as services:
            standing = standing_effects(services)
            for service in services:
                for effect in service.effects():
                    payload = json.loads(effect.payload)
                    stands = standing[service.name, effect.action, payload["renewal"]]
                    if stands:
                        text = json.dumps(payload, sort_keys=True)
                        done[f"{service.name} {effect.action} {text}"] = stands
        return done

    def damage(self) -> Damage:
        """What an auditor finds."""
        with open_services(self.services, Faults.none()) as services:
            return audit(services, self.customers)

    async def left_over(self) -> list[str]:
        """Whatever should not be there after a finished run."""
        storage = storage_at(self.store)
        await storage.open(exclusive=False)
        try:
            found = [f"pending {row}" for row in await storage.pending() if row[0] == "effect"]
            for boundary, status, count, _ in await storage.crossings_by_status():
                if status in ("open", "intended", "unknown"):
                    found.append(f"{count} of {boundary} {status}")
            verified = await storage.verify()
            return found + [str(fault) for fault in verified.faults]
        finally:
            await storage.close()


def customers(folder: Path, rows: int) -> list[Customer]:
    """Generated customers."""
    return list(read_customers(write_sample(folder / "customers.csv", rows, 5)))


def kill_again_and_again(world: World, *, kills: int, within: float, luck: Random) -> int:
    """Run in children that are killed at random moments; how often one was really killed.

    After `kills` of them the last child is left to finish.
    """
    killed = 0
    while True:
        child = world.fork()
        if killed < kills:
            time.sleep(luck.uniform(0, within))  # noqa: TID251  # a kill waits for nothing
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
        elif os.WEXITSTATUS(status) == 0:
            return killed
        else:
            raise AssertionError(f"a child failed with status {os.WEXITSTATUS(status)}")
