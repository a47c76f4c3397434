"""Access owns who may come into the console, and what each of them may do there."""

from signoff.console.access._access import Access
from signoff.console.access._gate import BACKGROUND
from signoff.console.access._headers import HEADERS
from signoff.console.access._needs import anyone, every_route, needs, role_of
from signoff.console.access._passwords import hash_password
from signoff.console.access._role import Role, User
from signoff.console.access._settings import DEFAULT_USERS, AccessSettings, check_bind, find_users
from signoff.console.access._state import csrf_of, form_of, text_of, user_of
from signoff.console.access._users import Listed, read_role
from signoff.console.access._users_written import (
    add_user,
    check_new_user,
    list_users,
    put_password,
    put_role,
    remove_user,
)

__all__ = [
    "BACKGROUND",
    "DEFAULT_USERS",
    "HEADERS",
    "Access",
    "AccessSettings",
    "Listed",
    "Role",
    "User",
    "add_user",
    "anyone",
    "check_bind",
    "check_new_user",
    "csrf_of",
    "every_route",
    "find_users",
    "form_of",
    "hash_password",
    "list_users",
    "needs",
    "put_password",
    "put_role",
    "read_role",
    "remove_user",
    "role_of",
    "text_of",
    "user_of",
]
