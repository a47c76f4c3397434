"""Customers whose contracts come up for renewal, read from the IBM Telco Customer Churn file."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from signoff.errors import BadInput, UsageError

Contract: TypeAlias = Literal["Month-to-month", "One year", "Two year"]
InternetService: TypeAlias = Literal["DSL", "Fiber optic", "No"]
AddOn: TypeAlias = Literal["Yes", "No", "No internet service"]
Ending: TypeAlias = Literal["renewed", "renewed_with_offer", "churned", "restructured", "escalated"]

COLUMN_OF: Final = {
    "customer_id": "customerID",
    "gender": "gender",
    "senior_citizen": "SeniorCitizen",
    "partner": "Partner",
    "dependents": "Dependents",
    "tenure": "tenure",
    "phone_service": "PhoneService",
    "multiple_lines": "MultipleLines",
    "internet_service": "InternetService",
    "online_security": "OnlineSecurity",
    "online_backup": "OnlineBackup",
    "device_protection": "DeviceProtection",
    "tech_support": "TechSupport",
    "streaming_tv": "StreamingTV",
    "streaming_movies": "StreamingMovies",
    "contract": "Contract",
    "paperless_billing": "PaperlessBilling",
    "payment_method": "PaymentMethod",
    "monthly_charges": "MonthlyCharges",
    "total_charges": "TotalCharges",
    "churned": "Churn",
}
_FIELD_OF: Final = {column: field for field, column in COLUMN_OF.items()}
_LONGEST_LINE: Final = 64 * 1024
_GZIP: Final = b"\x1f\x8b"


def _from_yes_or_no(value: object) -> object:
    return {"Yes": True, "No": False}.get(value, "neither") if isinstance(value, str) else value


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


_YesOrNo: TypeAlias = Annotated[bool, BeforeValidator(_from_yes_or_no)]


class Customer(BaseModel):
    """One customer of the file: the contract, what it costs, and what really became of it.

    Who the customer is (gender, age, family) is validated with the rest, but left out of dumps: a
    model that proposes terms must not see it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    customer_id: str = Field(min_length=1, max_length=64, pattern=r"^\P{C}+$")
    contract: Contract
    monthly_charges: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    total_charges: Annotated[
        float | None,
        Field(ge=0, le=1e9, allow_inf_nan=False),
        BeforeValidator(_none_if_blank),
    ] = None
    tenure: int = Field(ge=0, le=1200, description="Months since the first contract.")
    churned: _YesOrNo
    internet_service: InternetService = "No"
    phone_service: _YesOrNo = True
    multiple_lines: Literal["Yes", "No", "No phone service"] = "No"
    online_security: AddOn = "No"
    online_backup: AddOn = "No"
    device_protection: AddOn = "No"
    tech_support: AddOn = "No"
    streaming_tv: AddOn = "No"
    streaming_movies: AddOn = "No"
    paperless_billing: _YesOrNo = True
    payment_method: Literal[
        "Electronic check",
        "Mailed check",
        "Bank transfer (automatic)",
        "Credit card (automatic)",
    ] = "Electronic check"
    gender: Literal["Female", "Male"] | None = Field(default=None, exclude=True)
    senior_citizen: Literal["0", "1"] | None = Field(default=None, exclude=True)
    partner: _YesOrNo | None = Field(default=None, exclude=True)
    dependents: _YesOrNo | None = Field(default=None, exclude=True)


def ending_for(customer: Customer) -> Ending:
    """How the renewal ends if the customer does what the file says they did.

    Leaving a long contract is a surprise that a person should look at, hence `escalated`.
    """
    if customer.churned:
        return "churned" if customer.contract == "Month-to-month" else "escalated"
    if customer.contract == "Month-to-month" and customer.monthly_charges > 95:
        return "restructured"
    return "renewed_with_offer" if customer.monthly_charges > 70 else "renewed"


def read_customers(path: str | os.PathLike[str], *, limit: int | None = None) -> Iterator[Customer]:
    """Read customers one at a time, at most `limit`, from a CSV file, plain or gzipped.

    Rows after the limit are not looked at. What is wrong with a row is only known when the reading
    gets there: call `list` on the answer to judge the file before acting on any of it.

    Raises:
        BadInput: The file is missing, cut off, not UTF-8 text, or a row is wrong; says which line.
        UsageError: The limit is negative.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"limit={limit} customers were asked for. Use 0 or more, or None for all.")
    return islice(_customers(Path(path)), limit)


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the file's bytes in hex: the same digest on resume means the same customers."""
    with _opened(Path(path)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _customers(path: Path) -> Iterator[Customer]:
    seen: dict[str, int] = {}
    names: list[str] | None = None
    for number, text, ended in _lines(path):
        where = f"{path}, line {number}"
        fields = _fields(text, where)
        if names is None:
            names = _names(fields, where)
            continue
        cut = "" if ended else " It is the last line and has no line end: the file may be cut off."
        if len(fields) != len(names):
            raise BadInput(
                f"{where}: the row has {len(fields)} columns, the header has {len(names)}.{cut} "
                "Restore the row, or remove it."
            )
        try:
            customer = Customer.model_validate(dict(zip(names, fields, strict=True)))
        except ValidationError as error:
            raise BadInput(f"{where}: {_first(error)}{cut}") from None
        first = seen.setdefault(customer.customer_id, number)
        if first != number:
            raise BadInput(
                f"{where}: customer {customer.customer_id} is already on line {first}, and would "
                "be contacted twice. Remove one of the two lines."
            )
        yield customer
    if not seen:
        what = "the file is empty" if names is None else "the file has only a header"
        raise BadInput(
            f"{path}: no customers in it, {what}. Pass the IBM Telco Customer Churn file, or a "
            "sample with the same columns."
        )


def _names(header: list[str], where: str) -> list[str]:
    wrong = {
        "missing": [column for column in _FIELD_OF if column not in header],
        "not known": [column[:40] for column in header if column not in _FIELD_OF],
        "twice": sorted({column[:40] for column in header if header.count(column) > 1}),
    }
    if any(wrong.values()):
        said = "; ".join(
            f"{what}: {', '.join(names[:21])}" for what, names in wrong.items() if names
        )
        raise BadInput(
            f"{where}: the columns are not those of the Telco Customer Churn file ({said}). Name "
            "them in the first line as published, separated by commas."
        )
    return [_FIELD_OF[column] for column in header]


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)[0]
    column = COLUMN_OF[str(found["loc"][0])]
    return (
        f"{column} is {ascii(found['input'])[:80]}. {found['msg']}. Correct it, or remove the row."
    )


def _fields(text: str, where: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    # One line at a time: an unbalanced quote must not swallow the rows below it.
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise BadInput(
            f"{where}: the quotes are unbalanced ({error}). Each row must fit on one line; close "
            "the quote, or remove it."
        ) from None


def _lines(path: Path) -> Iterator[tuple[int, str, bool]]:
    with _opened(path) as raw, _unzipped(raw) as file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            text = _text(line, f"{path}, line {number}", first=number == 1)
            if text.strip():
                yield number, text, line.endswith(b"\n")


def _text(line: bytes, where: str, *, first: bool) -> str:
    if len(line) > _LONGEST_LINE:
        raise BadInput(
            f"{where}: longer than {_LONGEST_LINE // 1024} kB, which no customer's row is. Check "
            "that this is the right file, with one customer per line."
        )
    if first and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadInput(f"{where}: the text is UTF-16, only UTF-8 is read. Save it as UTF-8.")
    try:
        text = line.decode("utf-8-sig" if first else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{where}: byte {error.start + 1} is not UTF-8, so names would be read wrongly. Save "
            "the file as UTF-8, or check that it is a CSV file."
        ) from None
    if not text.isprintable():
        at, character = next((i, c) for i, c in enumerate(text, 1) if not c.isprintable())
        raise BadInput(
            f"{where}: character {at} is {character!a}, which does not belong in a CSV file "
            "of customers. Remove it, or check that this is the right file."
        )
    return text


def _unzipped(raw: BufferedReader) -> BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw


@contextmanager
def _opened(path: Path) -> Generator[BufferedReader, None, None]:
    try:
        with path.open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(
            f"{path}: the compressed file is cut off or damaged ({error}). Fetch it again."
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise BadInput(f"cannot read {path}: {why}. Pass the path of a CSV file.") from error
