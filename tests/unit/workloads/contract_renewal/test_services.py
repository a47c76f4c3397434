import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from signoff.errors import BadInput, UsageError
from signoff.workloads.contract_renewal.services import (
    Faults,
    Service,
    ServiceError,
    ServicePort,
    Services,
    ServiceTimeout,
    open_services,
)

OFFER = {"subject": "c1", "discount": 0.1}


@pytest.fixture
def mailer(tmp_path: Path) -> Iterator[Service]:
    with open_services(tmp_path) as services:
        yield services.mailer


def send(
    service: ServicePort,
    payload: object = OFFER,
    key: str | None = None,
    action: str = "send_offer",
) -> str:
    return asyncio.run(service.perform(action, payload, key=key))  # type: ignore[arg-type]


def test_the_same_key_has_one_effect_and_one_receipt(mailer: Service) -> None:
    first = send(mailer, key="k")
    assert first == "mail-000001"
    assert send(mailer, {"discount": 0.1, "subject": "c1"}, key="k") == first
    assert len(list(mailer.effects())) == 1
    assert [request.became for request in mailer.account()] == ["applied", "replayed"]


def test_without_a_key_each_call_is_a_new_effect(mailer: Service) -> None:
    assert send(mailer) != send(mailer)
    assert mailer.counts() == {("send_offer", "c1"): 2}


def test_a_key_cannot_be_used_for_another_request(mailer: Service) -> None:
    send(mailer, key="k")
    for action, payload in (("send_offer", {"subject": "c2"}), ("send_reminder", OFFER)):
        with pytest.raises(ServiceError, match="409") as refused:
            send(mailer, payload, key="k", action=action)
        assert refused.value.status == 409
    assert [request.became for request in mailer.account()] == ["applied", "refused", "refused"]
    assert [json.loads(request.payload) for request in mailer.account()][1] == {"subject": "c2"}
    assert len(list(mailer.effects())) == 1


def test_a_locked_record_is_refused_and_nothing_is_done(tmp_path: Path) -> None:
    with open_services(tmp_path, Faults(locked=1.0)) as services:
        with pytest.raises(ServiceError, match="423"):
            send(services.mailer, key="k")
        assert list(services.mailer.effects()) == []
        assert [request.became for request in services.mailer.account()] == ["refused"]
        assert asyncio.run(services.mailer.find("k")) is None


def test_what_has_happened_is_told_again_though_the_record_is_locked(tmp_path: Path) -> None:
    with open_services(tmp_path) as services:
        receipt = send(services.mailer, key="k")
    with open_services(tmp_path, Faults(locked=1.0)) as services:
        assert send(services.mailer, key="k") == receipt
        assert len(list(services.mailer.effects())) == 1


def test_find_says_what_a_key_did(mailer: Service) -> None:
    assert asyncio.run(mailer.find("k")) is None
    receipt = send(mailer, key="k")
    assert asyncio.run(mailer.find("k")) == receipt
    assert asyncio.run(mailer.find("K")) is None


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({}, 400),
        ({"subject": 1}, 400),
        ({"subject": ""}, 400),
        ({"subject": "a\nb"}, 400),
        ({"subject": "\ud800"}, 400),
        ({"subject": "c", "price": float("nan")}, 400),
        ({"subject": "c", "price": object()}, 400),
        ({"subject": "c", "text": "x" * 70_000}, 413),
    ],
)
def test_a_payload_that_is_none_is_refused(mailer: Service, payload: object, status: int) -> None:
    with pytest.raises(ServiceError) as refused:
        send(mailer, payload)
    assert refused.value.status == status
    assert list(mailer.account()) == []


@pytest.mark.parametrize("key", ["", "x" * 201, "a\x00b", "a\nb", "\udcff"])
def test_a_key_that_is_none_is_refused(mailer: Service, key: str) -> None:
    with pytest.raises(ServiceError, match="printable"):
        send(mailer, key=key)
    with pytest.raises(ServiceError, match="printable"):
        asyncio.run(mailer.find(key))


def test_an_unknown_action_is_refused(mailer: Service) -> None:
    with pytest.raises(ServiceError, match="404"):
        send(mailer, action="drop table")


def test_odd_text_is_kept_as_it_is(mailer: Service) -> None:
    send(mailer, {"subject": "Zoë ✨", "text": "\x00\ud800 '\" --"}, key="ключ ' ✨")
    (effect,) = mailer.effects()
    assert (effect.subject, effect.key) == ("Zoë ✨", "ключ ' ✨")
    assert json.loads(effect.payload)["text"] == "\x00\ud800 '\" --"


def test_services_remember_when_opened_again(tmp_path: Path) -> None:
    with open_services(tmp_path) as services:
        receipt = send(services.mailer, key="k")
    with open_services(tmp_path) as services:
        assert send(services.mailer, key="k") == receipt
        assert len(list(services.mailer.account())) == 2


def test_the_account_is_read_in_pages_while_it_grows(mailer: Service) -> None:
    async def fill() -> None:
        for number in range(2500):
            await mailer.perform("send_offer", {"subject": f"c{number}"})

    asyncio.run(fill())
    seen = 0
    for request in mailer.account():
        seen += 1
        assert request.seq == seen
        if seen == 1:
            send(mailer)
    assert seen == 2501
    assert next(iter(mailer.account(after=2500))).subject == "c1"


@pytest.mark.parametrize(
    ("faults", "raised", "effects", "became"),
    [
        (Faults(timeout_before=1), ServiceTimeout, 0, "lost"),
        (Faults(timeout_after=1), ServiceTimeout, 1, "applied"),
        (Faults(error_after=1), ServiceError, 1, "applied"),
        (Faults(slow=1, delay=0.001), None, 1, "applied"),
    ],
)
def test_what_each_fault_leaves_behind(
    tmp_path: Path, faults: Faults, raised: type[Exception] | None, effects: int, became: str
) -> None:
    with open_services(tmp_path, faults) as services:
        if raised is None:
            send(services.mailer, key="k")
        else:
            with pytest.raises(raised):
                send(services.mailer, key="k")
        assert len(list(services.mailer.effects())) == effects
        (request,) = services.mailer.account()
        assert request.became == became
        assert request.fault is not None
        assert (asyncio.run(services.mailer.find("k")) is not None) is bool(effects)


def tried(services: Services[Service], keys: list[str]) -> dict[str, int]:
    tries = Counter[str]()
    for key in keys:
        for _ in range(50):
            tries[key] += 1
            try:
                send(services.mailer, {"subject": key}, key=key)
                break
            except (ServiceTimeout, ServiceError):
                pass
    return dict(tries)


def test_faults_are_the_same_in_any_order_and_never_for_ever(tmp_path: Path) -> None:
    keys = [f"k{number}" for number in range(100)]
    faults = Faults(timeout_before=0.2, timeout_after=0.2, error_after=0.2, seed=3)
    tries: list[dict[str, int]] = []
    for name, order in (("a", keys), ("b", keys[::-1])):
        with open_services(tmp_path / name, faults) as services:
            tries.append(tried(services, order))
            assert set(services.mailer.counts().values()) == {1}
            assert len(services.mailer.counts()) == 100
    assert tries[0] == tries[1]
    assert 2 < sum(tries[0].values()) / 100 < 3
    assert max(tries[0].values()) < 20


def test_retries_without_a_key_make_doubles(tmp_path: Path) -> None:
    with open_services(tmp_path, Faults(timeout_after=0.5)) as services:
        for number in range(100):
            for _ in range(20):
                try:
                    send(services.mailer, {"subject": f"c{number}"})
                    break
                except ServiceTimeout:
                    pass
        assert sum(services.mailer.counts().values()) > 150


def test_faults_come_as_often_as_asked() -> None:
    faults = Faults.evenly(0.25, seed=5)
    drawn = Counter(faults.drawn("crm", f"k{number}#1") for number in range(20_000))
    assert drawn.pop(None) / 20_000 == pytest.approx(0.75, abs=0.01)
    assert {kind: count / 20_000 for kind, count in drawn.items()} == pytest.approx(
        dict.fromkeys(("timeout_before", "timeout_after", "error_after", "slow", "locked"), 0.05),
        abs=0.006,
    )
    assert Faults.none().drawn("crm", "k#1") is None
    assert Faults.evenly(1.0).drawn("crm", "k#1") is not None


@pytest.mark.parametrize(
    "wrong",
    [{"slow": -0.1}, {"slow": float("nan")}, {"slow": 0.6, "error_after": 0.6}, {"delay": -1}],
)
def test_shares_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Faults(**wrong)  # type: ignore[arg-type]


def test_a_directory_that_cannot_hold_services_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    with pytest.raises(BadInput, match="cannot keep the services"):
        open_services(file)
    other = tmp_path / "other"
    other.mkdir()
    (other / "billing.db").write_text("not a database, but long enough to be looked at" * 50)
    with pytest.raises(BadInput, match=r"billing\.db"):
        open_services(other)


def test_a_locked_file_is_a_503(tmp_path: Path) -> None:
    with open_services(tmp_path) as services:
        services.mailer._account._db.execute("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(tmp_path / "mailer.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServiceError, match="503"):
            send(services.mailer, key="k")
        other.execute("ROLLBACK")
        other.close()
        send(services.mailer, key="k")


WORKER = """
import asyncio, sys
from signoff.workloads.contract_renewal.services import open_services
async def work(services):
    for number in range(int(sys.argv[2])):
        key = f"k{number}"
        print(await services.mailer.perform("send_offer", {"subject": key}, key=key), flush=True)
with open_services(sys.argv[1]) as services:
    asyncio.run(work(services))
"""


def worker(directory: Path, rounds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, directory, str(rounds)], stdout=subprocess.PIPE, text=True
    )


def test_processes_at_the_same_time_share_one_effect_per_key(tmp_path: Path) -> None:
    workers = [worker(tmp_path / "world", 300) for _ in range(6)]
    receipts = {process.communicate(timeout=60)[0] for process in workers}
    assert [process.returncode for process in workers] == [0] * 6
    assert len(receipts) == 1
    with open_services(tmp_path / "world") as services:
        assert set(services.mailer.counts().values()) == {1}
        became = Counter(request.became for request in services.mailer.account())
        assert became == {"applied": 300, "replayed": 1500}


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for lines in (1, 40, 700):
        process = worker(tmp_path, 100_000)
        assert process.stdout is not None
        for _ in range(lines):
            acknowledged.add(process.stdout.readline().strip())
        os.kill(process.pid, signal.SIGKILL)
        acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
        process.stdout.close()
        process.wait()
    with open_services(tmp_path) as services:
        kept = {f"mail-{effect.seq:06d}" for effect in services.mailer.effects()}
        assert acknowledged <= kept
        assert set(services.mailer.counts().values()) == {1}


def test_a_request_that_breaks_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with open_services(tmp_path, Faults(slow=1e-9)) as services:
        with monkeypatch.context() as patched:
            patched.setattr(Faults, "drawn", broken)
            with pytest.raises(KeyboardInterrupt):
                send(services.mailer, key="k")
        assert list(services.mailer.account()) == []
        assert send(services.mailer, key="k") == "mail-000001"
