"""The way in through an OpenID Connect provider, asked over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from console_doors import HERE, Browser, guarded, later
from joserfc.jwk import ECKey
from openid_provider import (
    SECRET,
    Provider,
    new_key,
    tampered,
    unsigned,
    with_another_key,
    with_the_public_key,
    with_the_secret,
)
from served import Served
from starlette.applications import Starlette

from signoff.console.access import AccessSettings
from signoff.errors import BadInput
from signoff.testing import FakeClock

ROLES = '[oidc.roles]\nstaff = "viewer"\noncall = "operator"\n'
ADA = '[users."ada@example.com"]\nrole = "admin"\n'


@pytest.fixture
def provider(clock: FakeClock) -> Iterator[Provider]:
    provider = Provider(clock)
    with Served(provider.app()) as served:
        provider.issuer = served.url
        yield provider


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE_SECRET", SECRET)


@pytest.fixture
def users(tmp_path: Path, provider: Provider) -> Path:
    return write(tmp_path / "users.toml", provider, f"{ROLES}{ADA}")


@pytest.fixture
def app(users: Path, clock: FakeClock) -> Starlette:
    return guarded(AccessSettings(users=users), clock)[0]


def write(path: Path, provider: Provider, more: str, **changed: str) -> Path:
    settings = {
        "issuer": provider.issuer,
        "client_id": "console",
        "client_secret_env": "CONSOLE_SECRET",
        **changed,
    }
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    path.write_text("\n".join(["[oidc]", *lines, more]))
    path.chmod(0o600)
    return path


def go(browser: Browser, leads: str = "") -> str:
    """Go to the provider, sign in there; the address that it sends back to."""
    sent = browser.get("/oidc/start", params={"next": leads} if leads else {})
    assert sent.status_code == 303, sent.text
    back = httpx2.get(sent.headers["location"], follow_redirects=False).headers["location"]
    assert back.startswith(f"{HERE}/oidc/callback?")
    return str(back)


def come(browser: Browser, leads: str = "") -> Any:
    """Sign in at the provider, and come back."""
    return browser.get(go(browser, leads))


# As it should be


def test_whom_the_provider_vouches_for_comes_in(app: Starlette) -> None:
    browser = Browser(app)
    entered = come(browser, "/rule?x=1")
    assert entered.status_code == 303
    assert entered.headers["location"] == "/rule?x=1"
    assert browser.get("/").text == "ada@example.com admin"
    assert {c.name for c in browser.cookies.jar} == {"signoff-session-8765"}


def test_the_page_to_sign_in_on_offers_it(app: Starlette) -> None:
    shown = Browser(app).get("/login?next=/rule").text
    assert 'href="/oidc/start?next=%2Frule"' in shown
    assert "Sign in with 127.0.0.1" in shown
    assert 'type="password"' not in shown, "nobody has a password"


def test_the_provider_is_told_what_it_needs_and_no_more(app: Starlette) -> None:
    sent = Browser(app).get("/oidc/start?next=/private/page").headers["location"]
    asked = parse_qs(urlsplit(sent).query)
    assert asked["redirect_uri"] == [f"{HERE}/oidc/callback"]
    assert asked["scope"] == ["openid email"]
    assert set(asked) == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce",
        "code_challenge", "code_challenge_method",
    }  # fmt: skip
    assert "private" not in sent


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"groups": ["staff"]}, "viewer"),
        ({"groups": ["others", "oncall", "staff"]}, "operator"),
        ({"groups": "oncall"}, "operator"),
        ({"groups": ["others"]}, None),
        ({"groups": [["staff"], {"staff": 1}, 7, None]}, None),
        ({"groups": {"staff": True}}, None),
        ({}, None),
    ],
)
def test_the_claimed_groups_give_the_role(
    app: Starlette, provider: Provider, claims: dict[str, Any], role: str | None
) -> None:
    provider.claims = {"email": "ron@example.com", "email_verified": True, **claims}
    browser = Browser(app)
    answer = come(browser)
    if role is None:
        assert answer.status_code == 403
        assert "ron@example.com may not come into the console" in answer.text
        assert not browser.session
    else:
        assert browser.get("/").text == f"ron@example.com {role}"


def test_a_claim_inside_of_others_is_found(
    users: Path, provider: Provider, clock: FakeClock
) -> None:
    write(users, provider, ROLES, roles_claim="realm_access.roles", name_claim="sub")
    provider.claims = {"realm_access": {"roles": ["oncall"]}}
    browser = Browser(guarded(AccessSettings(users=users), clock)[0])
    come(browser)
    assert browser.get("/").text == "248289761001 operator"


def test_keys_on_a_curve_do_as_well(app: Starlette, provider: Provider) -> None:
    provider.key = ECKey.generate_key("P-256", {"kid": "curve"})
    assert come(Browser(app)).status_code == 303


def test_a_key_that_the_provider_changed_is_fetched_but_not_at_every_guess(
    app: Starlette, provider: Provider, clock: FakeClock
) -> None:
    assert come(Browser(app)).status_code == 303
    provider.key = new_key("two")
    later(clock, minutes=1)
    assert come(Browser(app)).status_code == 303
    fetched = provider.asked.count("keys")
    provider.sign = with_another_key(provider)
    for _ in range(3):
        assert come(Browser(app)).status_code == 403
    assert provider.asked.count("keys") == fetched


def test_who_is_demoted_in_the_file_is_demoted_at_the_next_click(
    app: Starlette, users: Path, provider: Provider
) -> None:
    browser = Browser(app)
    come(browser)
    write(users, provider, ADA.replace("admin", "viewer"))
    assert browser.get("/").text == "ada@example.com viewer"
    write(users, provider, ROLES)
    assert browser.get("/").status_code == 303


def test_a_role_that_a_group_no_longer_gives_is_gone_at_the_next_click(
    app: Starlette, users: Path, provider: Provider
) -> None:
    provider.claims = {"email": "ron@example.com", "email_verified": True, "groups": ["oncall"]}
    browser = Browser(app)
    come(browser)
    assert browser.get("/").text == "ron@example.com operator"
    write(users, provider, '[oidc.roles]\nstaff = "viewer"\n')
    assert browser.get("/").status_code == 303


def test_another_provider_in_the_file_ends_the_sessions_of_the_one_before(
    app: Starlette, users: Path, provider: Provider
) -> None:
    browser = Browser(app)
    come(browser)
    write(users, provider, ADA, client_id="another")
    assert browser.get("/").status_code == 303


# Tokens that do not hold


Lie = Callable[[dict[str, Any]], Any]
BEGAN = int(FakeClock.epoch.timestamp())


def says(**changed: object) -> Lie:
    return lambda claims: claims.update(changed)


def lacks(name: str) -> Lie:
    return lambda claims: claims.pop(name)


LIES: list[tuple[str, str, Lie]] = [
    ("another issuer", "'iss'", says(iss="https://evil.example")),
    ("no issuer", "'iss'", lacks("iss")),
    ("for another client", "'aud'", says(aud="another")),
    ("for others", "'aud'", says(aud=["another", "third"])),
    (
        "for us and others, unauthorised",
        "'azp'",
        lambda claims: claims.update(aud=["console", "other"]),
    ),
    ("authorised for another", "'azp'", says(azp="another")),
    ("for nobody", "'aud'", lacks("aud")),
    ("another nonce", "'nonce'", says(nonce="x")),
    ("no nonce", "'nonce'", lacks("nonce")),
    ("expired", "Expired", says(exp=BEGAN - 120)),
    ("never expires", "'exp'", lacks("exp")),
    ("expires some day", "'exp'", says(exp="tomorrow")),
    ("not yet valid", "not yet valid", says(nbf=BEGAN + 600)),
    ("made in the future", "in the future", says(iat=BEGAN + 600)),
    ("made at no time", "'iat'", lacks("iat")),
    ("of nobody", "'sub'", lacks("sub")),
    ("another access token", "'at_hash'", says(at_hash="x" * 22)),
    ("no email", "no claim email", lacks("email")),
    (
        "an email that is not verified",
        "not verified",
        lambda claims: claims.update(email_verified=False),
    ),
    ("an email nobody speaks of", "not verified", lacks("email_verified")),
    (
        "an email that is no text",
        "no claim email",
        lambda claims: claims.update(email=["ada@example.com"]),
    ),
    (
        "an email with an end of line",
        "is no name",
        lambda claims: claims.update(email="ada@example.com\n"),
    ),
]


@pytest.mark.parametrize(("what", "why", "lie"), LIES, ids=[lie[0] for lie in LIES])
def test_a_token_that_does_not_hold_lets_nobody_in(
    app: Starlette,
    provider: Provider,
    what: str,
    why: str,
    lie: Lie,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider.lie = lie
    browser = Browser(app)
    with caplog.at_level("INFO", "signoff.console"):
        refused = come(browser)
    assert refused.status_code == 403
    assert "The provider did not" in refused.text
    assert not browser.session
    assert browser.get("/").status_code == 303
    assert why in caplog.messages[0]
    assert all(message.isprintable() for message in caplog.messages)


@pytest.mark.parametrize("how", ["unsigned", "secret", "public key", "other key", "tampered", ""])
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(
    app: Starlette, provider: Provider, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    signs: dict[str, Callable[[dict[str, Any]], str]] = {
        "unsigned": unsigned,
        "secret": with_the_secret,
        "public key": with_the_public_key(provider),
        "other key": with_another_key(provider),
        "tampered": tampered(provider),
        "": lambda claims: "no token",
    }
    provider.sign = signs[how]
    browser = Browser(app)
    with caplog.at_level("INFO", "signoff.console"):
        assert come(browser).status_code == 403
    assert "the id_token does not hold" in caplog.messages[0]
    assert not browser.session


# Answers that are not this browser's


def test_an_answer_lets_in_only_the_browser_that_was_sent(app: Starlette) -> None:
    """Otherwise somebody could sign others in under their own name, or take over an answer."""
    eve, ada = Browser(app), Browser(app)
    back = go(eve)
    for victim in (ada, Browser(app)):
        refused = victim.get(back)
        assert refused.status_code == 400
        assert not victim.session
    go(ada)  # a victim that is on the way itself
    assert ada.get(back).status_code == 400
    assert not ada.session


def test_an_answer_is_good_for_once_and_for_ten_minutes(app: Starlette, clock: FakeClock) -> None:
    browser = Browser(app)
    back = go(browser)
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400
    slow = Browser(app)
    back = go(slow)
    later(clock, minutes=10, seconds=1)
    assert slow.get(back).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        lambda back: back.replace("state=", "state=x"),
        lambda back: back.replace("state=", "state=9"),
        lambda back: back.replace("state=", "nostate="),
        lambda back: back.partition("?")[0],
        lambda back: back.partition("?")[0] + "?state=.&code=x",
        lambda back: back.partition("?")[0] + "?state=%00&code=x",
    ],
)
def test_a_state_that_is_not_ours_lets_nobody_in(
    app: Starlette, change: Callable[[str], str]
) -> None:
    browser = Browser(app)
    assert browser.get(change(go(browser))).status_code == 400
    assert not browser.session


def test_a_code_that_is_not_the_providers_lets_nobody_in(app: Starlette) -> None:
    browser = Browser(app)
    assert browser.get(go(browser).replace("code=", "code=x")).status_code == 403
    assert not browser.session


def test_a_refusal_of_the_providers_is_told_and_nothing_of_it_is_run(app: Starlette) -> None:
    browser = Browser(app)
    back = go(browser).replace("code=", "error=<script>&x=")
    refused = browser.get(back)
    assert refused.status_code == 403
    assert "<script>" not in refused.text


def test_an_answer_of_another_issuer_is_refused(app: Starlette, provider: Provider) -> None:
    assert Browser(app).get(f"{go(Browser(app))}&iss=https://evil.example").status_code == 400
    browser = Browser(app)
    assert browser.get(f"{go(browser)}&iss=https://evil.example").status_code == 403
    assert browser.get(f"{go(browser)}&iss={provider.issuer}").status_code == 303


def test_an_answer_that_has_to_name_its_issuer_and_does_not_is_refused(
    app: Starlette, provider: Provider
) -> None:
    provider.description = {"authorization_response_iss_parameter_supported": True}
    assert come(Browser(app)).status_code == 403


@pytest.mark.parametrize("leads", ["//evil.example", "https://evil.example", "/\\evil", "/a\r\nb"])
def test_nobody_is_led_to_another_site_afterwards(app: Starlette, leads: str) -> None:
    assert come(Browser(app), leads).headers["location"] == "/"


def test_a_cookie_that_somebody_made_up_leads_nowhere(app: Starlette) -> None:
    browser = Browser(app)
    browser.cookies.set("signoff-oidc-8765", "x.Ly9ldmls", domain="127.0.0.1")
    assert browser.get("/oidc/callback?state=1.x&code=x").status_code == 400


# A provider that does not answer as it should


def test_a_provider_that_is_down_is_told_of_and_asked_again(
    app: Starlette, provider: Provider
) -> None:
    provider.broken = True
    browser = Browser(app)
    refused = browser.get("/oidc/start")
    assert refused.status_code == 502
    assert "cannot be reached" in refused.text
    provider.broken = False
    assert come(browser).status_code == 303


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "http://login.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
)
def test_nobody_is_sent_where_the_provider_cannot_be(
    app: Starlette, provider: Provider, description: dict[str, Any]
) -> None:
    provider.description = description
    assert Browser(app).get("/oidc/start").status_code == 502


def test_without_the_secret_the_console_does_not_start(
    users: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSOLE_SECRET")
    with pytest.raises(BadInput, match="CONSOLE_SECRET, which is not set"):
        guarded(AccessSettings(users=users), clock)


def test_a_secret_that_is_gone_is_told_to_the_log_and_not_to_a_stranger(
    app: Starlette, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CONSOLE_SECRET")
    with caplog.at_level("INFO", "signoff.console"):
        refused = Browser(app).get("/oidc/start")
    assert refused.status_code == 502
    assert "CONSOLE_SECRET" not in refused.text
    assert "CONSOLE_SECRET" in caplog.text


def test_neither_codes_nor_tokens_nor_the_secret_are_logged(
    app: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(app)
    back = go(browser)
    with caplog.at_level("DEBUG"):
        browser.get(back)
        browser.get(back)
    ours = "".join(r.getMessage() for r in caplog.records if r.name.startswith("signoff"))
    assert 'signed in user="ada@example.com" by="oidc"' in ours
    for secret in (parse_qs(urlsplit(back).query)["code"][0], SECRET, browser.session, "eyJ"):
        assert secret not in ours
