"""The ways in and out."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import argon2
import pytest
from console_doors import HASHED, HERE, PASSWORD, Browser, guarded, later
from starlette.applications import Starlette

from signoff.console.access import (
    Access,
    AccessSettings,
    Role,
    add_user,
    hash_password,
    list_users,
    put_password,
    put_role,
    remove_user,
)
from signoff.testing import FakeClock


@pytest.fixture
def made(users: Path, clock: FakeClock) -> tuple[Starlette, Access]:
    return guarded(AccessSettings(users=users), clock)


@pytest.fixture
def app(made: tuple[Starlette, Access]) -> Starlette:
    return made[0]


# By name and password


def test_a_name_and_its_password_let_in(app: Starlette) -> None:
    browser = Browser(app)
    entered = browser.sign_in("ron")
    assert entered.status_code == 303
    assert entered.headers["location"] == "/"
    assert browser.get("/").text == "ron reviewer"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ron", "wrong horse battery"),
        ("ron", ""),
        ("Ron", PASSWORD),
        ("ron ", PASSWORD),
        ("nobody", PASSWORD),
        ("", ""),
        ("nobody", "x" * 2_000),
        ("ron", f"{PASSWORD}{'x' * 2_000}"),
        ("ron\r\nSet-Cookie: a=b", PASSWORD),
        ("ron\0", PASSWORD),
        ("\ud800", PASSWORD),
    ],
)
def test_anything_else_does_not_and_is_told_the_same(
    app: Starlette, name: str, password: str
) -> None:
    browser = Browser(app)
    safe = name.encode("utf-8", "replace").decode()
    refused = browser.sign_in(safe, password)
    assert refused.status_code == 403
    assert "do not belong together" in refused.text
    assert not browser.session


def test_a_password_is_the_same_from_every_keyboard(users: Path, app: Starlette) -> None:
    add_user(users, "zoe", Role.viewer, hash_password("cafe\u0301 au lait noir"))
    assert Browser(app).sign_in("zoe", "caf\u00e9 au lait noir").status_code == 303


def test_what_was_typed_stands_in_the_form_again_but_not_the_password(app: Starlette) -> None:
    shown = Browser(app).sign_in('"><script>alert(1)</script>', "wrong horse <b>").text
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "wrong horse" not in shown


def test_who_is_in_already_is_led_on(app: Starlette) -> None:
    browser = Browser(app)
    browser.sign_in("ron")
    assert browser.get("/login?next=/rule").headers["location"] == "/rule"


def test_a_form_to_sign_in_that_is_not_ours_lets_nobody_in(app: Starlette) -> None:
    """Otherwise another site could sign people in under a name of its own."""
    browser, other = Browser(app), Browser(app)
    browser.form_token()
    fields = {"name": "ron", "password": PASSWORD}
    for token in ("", "x", other.form_token()):
        refused = browser.post("/login", data={**fields, "csrf": token})
        assert refused.status_code == 403
        assert not browser.session
    foreign = {"Origin": "https://evil.example"}
    fields["csrf"] = browser.form_token()
    assert browser.post("/login", data=fields, headers=foreign).status_code == 403
    assert not browser.session
    assert browser.post("/login", data=fields).status_code == 303


def test_a_form_without_its_cookie_lets_nobody_in_and_is_renewed(app: Starlette) -> None:
    browser = Browser(app)
    form = {"csrf": browser.form_token(), "name": "ron", "password": PASSWORD}
    browser.cookies.clear()
    refused = browser.post("/login", data=form)
    assert refused.status_code == 403
    assert "too old" in refused.text
    assert browser.sign_in("ron").status_code == 303


@pytest.mark.parametrize("leads", ["/", "/rule?x=1&y=%2F", "/a/b#c"])
def test_after_signing_in_one_is_where_one_wanted_to_be(app: Starlette, leads: str) -> None:
    assert Browser(app).sign_in("ron", next=leads).headers["location"] == leads


@pytest.mark.parametrize(
    "leads",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/x\r\n\r\n<script>",
        " /x",
        "evil.example",
        "/" + "x" * 5_000,
        "/login?next=/",
        "/logout",
        "/enter",
        "/oidc/start",
        "///evil.example",
        "/\u2028x",
        "",
    ],
)
def test_nobody_is_led_to_another_site(app: Starlette, leads: str) -> None:
    browser = Browser(app)
    entered = browser.sign_in("ron", next=leads)
    assert entered.headers["location"] == "/"
    assert "a=b" not in str(entered.headers)
    assert browser.get("/login", params={"next": leads}).headers["location"] == "/"


# Sessions


def test_the_cookie_is_for_the_server_alone(app: Starlette) -> None:
    cookie = Browser(app).sign_in("ron").headers.get_list("set-cookie")[0]
    name, *attributes = cookie.split("; ")
    assert name.startswith("signoff-session-8765=")
    assert {a.lower() for a in attributes} == {"httponly", "path=/", "samesite=lax"}


def test_with_tls_the_cookie_belongs_to_the_host_alone(users: Path, clock: FakeClock) -> None:
    settings = AccessSettings(users=users, certfile=Path("cert.pem"), port=443)
    browser = Browser(guarded(settings, clock)[0], base_url="https://localhost")
    browser.sign_in("ron")
    cookie = browser.cookies.jar
    assert {c.name for c in cookie} == {"__Host-signoff-session"}
    assert all(c.secure for c in cookie)


def test_a_session_that_was_there_before_is_not_taken_over(app: Starlette) -> None:
    """A token that somebody planted opens nothing, and is another one after signing in."""
    browser = Browser(app)
    browser.cookies.set("signoff-session-8765", "planted", domain="127.0.0.1")
    assert browser.get("/").status_code == 303
    browser.sign_in("ron")
    assert "planted" not in [c.value for c in browser.cookies.jar]


def test_each_time_somebody_signs_in_the_token_is_another_and_the_old_one_is_dead(
    app: Starlette,
) -> None:
    browser, thief = Browser(app), Browser(app)
    browser.sign_in("vic")
    thief.cookies.set("signoff-session-8765", browser.session, domain="127.0.0.1")
    assert thief.get("/").text == "vic viewer"
    fresh = Browser(app)
    form = {"csrf": fresh.form_token(), "name": "ada", "password": PASSWORD}
    fresh.cookies.set("signoff-session-8765", browser.session, domain="127.0.0.1")
    assert fresh.post("/login", data=form).status_code == 303
    assert thief.get("/").status_code == 303


def test_only_a_digest_of_the_token_is_kept(made: tuple[Starlette, Access]) -> None:
    app, access = made
    browser = Browser(app)
    browser.sign_in("ron")
    assert len(browser.session) >= 43
    assert browser.session not in repr(vars(access.sessions))


def test_after_logging_out_the_token_opens_nothing(app: Starlette) -> None:
    browser, thief = Browser(app), Browser(app)
    browser.sign_in("ron")
    stolen = browser.session
    left = browser.post("/logout", data={"csrf": browser.token()})
    assert left.status_code == 303
    assert left.headers["location"] == "/login"
    assert not browser.session
    thief.cookies.set("signoff-session-8765", stolen, domain="127.0.0.1")
    assert thief.get("/").status_code == 303


def test_nobody_is_logged_out_by_a_link_or_a_strangers_form(app: Starlette) -> None:
    browser = Browser(app)
    browser.sign_in("ron")
    assert browser.get("/logout").status_code == 405
    assert browser.post("/logout", data={"csrf": "x"}).status_code == 403
    assert browser.get("/").status_code == 200


def test_a_session_that_is_not_used_ends(app: Starlette, clock: FakeClock) -> None:
    browser = Browser(app)
    browser.sign_in("ron")
    later(clock, minutes=29)
    assert browser.get("/").status_code == 200
    later(clock, minutes=30)
    assert browser.get("/").status_code == 303


def test_only_so_many_sessions_are_kept_and_the_one_not_used_for_longest_gives_way(
    users: Path, clock: FakeClock
) -> None:
    app, access = guarded(AccessSettings(users=users, most_sessions=3), clock)
    browsers = [Browser(app) for _ in range(4)]
    for browser in browsers[:3]:
        browser.sign_in("ron")
    browsers[0].get("/")
    browsers[3].sign_in("ron")
    assert len(access.sessions) == 3
    assert [b.get("/").status_code for b in browsers] == [200, 303, 200, 200]


def test_nobody_pushes_out_others_by_signing_in_over_and_over(
    made: tuple[Starlette, Access],
) -> None:
    app, access = made
    vic = Browser(app)
    vic.sign_in("vic")
    browsers = [Browser(app) for _ in range(22)]
    for browser in browsers:
        browser.sign_in("ron")
    assert len(access.sessions) == 21
    assert [b.get("/").status_code for b in (vic, *browsers)] == [200, 303, 303] + [200] * 20


# When the users file changes


def test_who_is_removed_is_out_at_the_next_click(app: Starlette, users: Path) -> None:
    browser = Browser(app)
    browser.sign_in("ron")
    remove_user(users, "ron")
    assert browser.get("/").status_code == 303
    add_user(users, "ron", Role.admin, HASHED)
    assert browser.get("/").status_code == 303, "the session came back"


def test_who_is_demoted_is_demoted_at_the_next_click(app: Starlette, users: Path) -> None:
    browser = Browser(app)
    browser.sign_in("ron")
    form = {"csrf": browser.token()}
    assert browser.post("/answer", data=form).status_code == 200
    put_role(users, "ron", Role.viewer)
    assert browser.post("/answer", data=form).status_code == 403
    assert browser.get("/").text == "ron viewer"


def test_another_password_ends_all_sessions_of_its_owner(app: Starlette, users: Path) -> None:
    at_home, at_work, other = Browser(app), Browser(app), Browser(app)
    at_home.sign_in("ron")
    at_work.sign_in("ron")
    other.sign_in("vic")
    put_password(users, "ron", None, hash_password("another horse battery"))
    assert [b.get("/").status_code for b in (at_home, at_work, other)] == [303, 303, 200]
    assert at_home.sign_in("ron").status_code == 403
    assert at_home.sign_in("ron", "another horse battery").status_code == 303


@pytest.mark.parametrize("what", ["wrong", "gone", "readable"])
def test_while_the_users_file_is_wrong_nobody_is_let_in_and_afterwards_all_are_in_again(
    app: Starlette, users: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(app)
    browser.sign_in("ron")
    text = users.read_text()
    match what:
        case "wrong":
            users.write_text("[users.ron")
        case "gone":
            users.unlink()
        case _:
            users.chmod(0o644)
    with caplog.at_level("INFO", "signoff.console"):
        refused = browser.get("/")
        assert Browser(app).get("/login").status_code == 503
    assert refused.status_code == 503
    assert str(users) not in refused.text
    assert str(users) in caplog.text
    users.write_text(text)
    users.chmod(0o600)
    assert browser.get("/").status_code == 200


def test_a_hash_with_costs_of_the_past_is_renewed_and_no_session_ends(
    app: Starlette, users: Path
) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)
    add_user(users, "old", Role.viewer, weak.hash(PASSWORD))
    before = list_users(users).accounts["old"].password
    first, second = Browser(app), Browser(app)
    # Somebody who came in when the file could not be written.
    users.parent.chmod(0o500)
    first.sign_in("old")
    users.parent.chmod(0o700)
    second.sign_in("old")
    after = list_users(users).accounts["old"].password
    assert after != before
    assert not argon2.PasswordHasher().check_needs_rehash(after)
    assert [b.get("/").text for b in (first, second)] == ["old viewer"] * 2
    assert stat.S_IMODE(users.stat().st_mode) == 0o600


# The page of sessions


def test_an_admin_sees_who_is_in_and_ends_a_session(app: Starlette, clock: FakeClock) -> None:
    ada, ron = Browser(app), Browser(app, "10.0.0.7")
    ron.sign_in("ron")
    later(clock, minutes=1)
    ada.sign_in("ada")
    shown = ada.get("/sessions").text
    for part in ("ron", "reviewer", "10.0.0.7", "2026-01-01T00:00:00", "(this one)"):
        assert part in shown
    assert ron.session not in shown
    ended = _id(shown, "ron")
    assert ron.get("/").status_code == 200
    assert ada.post(f"/sessions/{ended}/end", data={"csrf": ada.token()}).status_code == 303
    assert ron.get("/").status_code == 303
    assert ada.post(f"/sessions/{ended}/end", data={"csrf": ada.token()}).status_code == 404


def test_nobody_but_an_admin_ends_a_session(app: Starlette) -> None:
    ada, ron = Browser(app), Browser(app)
    ada.sign_in("ada")
    ron.sign_in("ron")
    own = _id(ada.get("/sessions").text, "ron")
    assert ron.post(f"/sessions/{own}/end", data={"csrf": ron.token()}).status_code == 403
    assert ron.get("/").status_code == 200


def _id(shown: str, name: str) -> str:
    row = next(row for row in shown.split("<tr>") if f"<td>{name}" in row)
    return row.split("/sessions/")[1].split("/")[0]


# By the link with the key


@pytest.fixture
def alone(clock: FakeClock) -> tuple[Starlette, Access]:
    return guarded(AccessSettings(by="dana"), clock)


def test_the_link_lets_in_the_person_at_this_machine_and_leads_on_without_the_key(
    alone: tuple[Starlette, Access],
) -> None:
    app, access = alone
    browser = Browser(app)
    link = access.link(8765)
    assert link.startswith(f"{HERE}/enter?key=")
    assert len(access.key) >= 43
    entered = browser.get(link)
    assert entered.status_code == 303
    assert entered.headers["location"] == "/"
    assert browser.get("/").text == "dana admin"
    assert browser.get(f"{link}&next=/rule").headers["location"] == "/rule"
    assert browser.get(f"{link}&next=//evil").headers["location"] == "/"


def test_every_start_has_another_key(clock: FakeClock) -> None:
    keys = {guarded(AccessSettings(by="dana"), clock)[1].key for _ in range(3)}
    assert len(keys) == 3


def test_without_the_key_nobody_comes_in(
    alone: tuple[Starlette, Access], caplog: pytest.LogCaptureFixture
) -> None:
    app, access = alone
    browser = Browser(app)
    wrong = ["", "x", access.key[:-1], f"{access.key}x", access.key.swapcase(), "\ud800ü"]
    with caplog.at_level("INFO", "signoff.console"):
        for key in wrong:
            guess = key.encode("utf-8", "replace").decode()
            refused = browser.get("/enter", params={"key": guess})
            assert refused.status_code == 403
            assert not browser.session
            if len(guess) > 1:
                assert guess not in refused.text
        assert browser.post("/login", data={"name": "dana"}).status_code == 401
        assert browser.get("/login").status_code == 200
    assert access.key[:-1] not in caplog.text
    assert caplog.text.count("refused a wrong key") == len(wrong)


def test_the_key_is_neither_logged_nor_shown(
    alone: tuple[Starlette, Access], caplog: pytest.LogCaptureFixture
) -> None:
    app, access = alone
    browser = Browser(app)
    with caplog.at_level("DEBUG"):
        entered = browser.get(access.link(8765))
        shown = [browser.get(path).text for path in ("/", "/sessions", "/login", "/enter")]
    assert access.key not in str(entered.headers) + entered.text + "".join(shown)
    assert access.key not in "".join(r.getMessage() for r in caplog.records if r.name != "httpx2")


def test_with_users_there_is_no_key(made: tuple[Starlette, Access]) -> None:
    app, access = made
    assert not access.key
    assert access.link(8765) == f"{HERE}/"
    assert Browser(app).get("/enter?key=").status_code == 303


# The log


def test_who_comes_and_goes_is_logged(app: Starlette, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "signoff.console"):
        browser = Browser(app, "10.0.0.7")
        browser.sign_in("ron", "wrong horse battery")
        browser.sign_in("ron")
        browser.post("/logout", data={"csrf": browser.token()})
    assert caplog.messages == [
        'refused a name and password user="ron" address="10.0.0.7"',
        'signed in user="ron" by="password" address="10.0.0.7"',
        'signed out user="ron" address="10.0.0.7"',
    ]
    assert {r.levelname for r in caplog.records} == {"INFO"}


def test_no_secret_is_logged_nor_what_may_be_one(
    app: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        browser = Browser(app)
        browser.sign_in("ron", "my secret passphrase")
        browser.sign_in("my secret passphrase", "")
        browser.sign_in("ron")
        tokens = browser.session, browser.token()
        browser.post("/answer", data={"csrf": "x"})
    for secret in ("my secret passphrase", PASSWORD, *tokens):
        assert secret not in caplog.text


def test_nobody_writes_lines_into_the_log(
    users: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = 'ron" by="key"\n2026 INFO signed in user="ada\x1b[2J\u202e'
    app, _ = guarded(AccessSettings(users=users), clock)
    with caplog.at_level("INFO", "signoff.console"):
        browser = Browser(app, hostile)
        browser.sign_in(hostile)
        browser.sign_in("ron")
        browser.post("/answer%0ax", data={"csrf": hostile})
    assert caplog.messages
    for message in caplog.messages:
        assert message.isprintable()
        assert message.isascii()
        assert 'by="key"' not in message


# Too many tries


def test_after_a_few_wrong_passwords_one_has_to_wait_and_then_may_try_again(
    app: Starlette, clock: FakeClock
) -> None:
    browser = Browser(app)
    for _ in range(5):
        assert browser.sign_in("ron", "wrong horse battery").status_code == 403
    refused = browser.sign_in("ron")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert not browser.session
    later(clock, seconds=1)
    assert browser.sign_in("ron").status_code == 303


def test_an_unknown_name_has_to_wait_alike(app: Starlette) -> None:
    def told(name: str, address: str) -> list[tuple[int, str]]:
        browser = Browser(app, address)
        answers = [browser.sign_in(name, "wrong horse battery") for _ in range(7)]
        return [(a.status_code, a.headers.get("retry-after", "")) for a in answers]

    assert told("ron", "10.0.0.1") == told("nobody", "10.0.0.2")


def test_the_longest_wait_is_a_minute(app: Starlette, clock: FakeClock) -> None:
    browser = Browser(app)
    waits: list[int] = []
    while len(waits) < 12:
        refused = browser.sign_in("ron", "wrong horse battery")
        if refused.status_code == 429:
            waits.append(int(refused.headers["retry-after"]))
            later(clock, seconds=waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]
    later(clock, seconds=60)
    assert browser.sign_in("ron").status_code == 303
    assert clock.now() - FakeClock.epoch < timedelta(minutes=10)
