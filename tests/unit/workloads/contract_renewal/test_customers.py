import gzip
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.errors import BadInput, UsageError
from signoff.workloads.contract_renewal.customers import (
    COLUMN_OF,
    Customer,
    ending_for,
    file_digest,
    read_customers,
)
from signoff.workloads.contract_renewal.sample import sample_customers

REAL = Path(__file__).parents[5] / "shared/data/telco_customer_churn.csv"
needs_the_real_file = pytest.mark.skipif(
    not REAL.exists(), reason=f"the Telco file is not beside the project ({REAL})"
)
HEADER = ",".join(COLUMN_OF.values())
ROWS = [",".join(row) for row in sample_customers(3, seed=1)]
COLUMNS = list(COLUMN_OF.values())

Write = Callable[[bytes | str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: bytes | str) -> Path:
        path = tmp_path / "customers.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def with_value(column: str, value: str) -> str:
    fields = ROWS[1].split(",")
    fields[COLUMNS.index(column)] = value
    return "\n".join([HEADER, ROWS[0], ",".join(fields), ROWS[2], ""])


def test_rows_become_customers(write: Write) -> None:
    customers = list(read_customers(write("\n".join([HEADER, *ROWS, ""]))))
    assert [customer.customer_id for customer in customers] == [row.split(",")[0] for row in ROWS]


def test_who_the_customer_is_stays_out_of_dumps(write: Write) -> None:
    customer = next(read_customers(write(f"{HEADER}\n{ROWS[0]}\n")))
    assert customer.gender is not None
    assert not {"gender", "senior_citizen", "partner", "dependents"} & set(customer.model_dump())
    again = Customer.model_validate_json(customer.model_dump_json())
    assert again.model_dump() == customer.model_dump()


@pytest.mark.parametrize(
    "content",
    [
        "\n".join([HEADER, *ROWS]),
        "\r\n".join([HEADER, *ROWS, ""]),
        "\ufeff" + "\n".join([HEADER, *ROWS, ""]),
        "\n".join([HEADER, "", *ROWS, "", "  ", ""]),
        "\n".join([HEADER, *(f'"{row.split(",")[0]}",{row.split(",", 1)[1]}' for row in ROWS)]),
        gzip.compress("\n".join([HEADER, *ROWS, ""]).encode()),
        "\n".join(",".join(reversed(line.split(","))) for line in [HEADER, *ROWS]),
    ],
    ids=["no-last-line-end", "crlf", "bom", "blank-lines", "quotes", "gzip", "other-order"],
)
def test_harmless_variations_are_read(write: Write, content: bytes | str) -> None:
    assert len(list(read_customers(write(content)))) == 3


def test_a_blank_total_is_no_total(write: Write) -> None:
    customers = list(read_customers(write(with_value("TotalCharges", " "))))
    assert customers[1].total_charges is None


def test_the_limit_stops_before_what_comes_after(write: Write) -> None:
    path = write("\n".join([HEADER, ROWS[0], "not a row", ""]))
    assert len(list(read_customers(path, limit=1))) == 1
    assert list(read_customers(path, limit=0)) == []
    with pytest.raises(UsageError, match="limit=-1"):
        read_customers(path, limit=-1)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("MonthlyCharges", "abc", "MonthlyCharges is 'abc'"),
        ("MonthlyCharges", "", "MonthlyCharges is ''"),
        ("MonthlyCharges", "nan", "finite"),
        ("MonthlyCharges", "inf", "finite"),
        ("MonthlyCharges", "1e999", "finite"),
        ("MonthlyCharges", "-1", "greater than or equal to 0"),
        ("TotalCharges", "-0.01", "TotalCharges is '-0.01'"),
        ("TotalCharges", "NaN", "finite"),
        ("tenure", "-3", "tenure is '-3'"),
        ("tenure", "1.5", "tenure is '1.5'"),
        ("tenure", "9" * 5000, "tenure"),
        ("Contract", "Three year", "'Month-to-month', 'One year' or 'Two year'"),
        ("InternetService", "Cable", "InternetService is 'Cable'"),
        ("Churn", "Y", "Churn is"),
        ("Churn", "", "Churn is"),
        ("gender", "", "gender is ''"),
        ("SeniorCitizen", "2", "SeniorCitizen is '2'"),
        ("Partner", "maybe", "Partner is"),
        ("StreamingTV", "yes", "StreamingTV is 'yes'"),
        ("PaymentMethod", "Gold", "PaymentMethod is 'Gold'"),
        ("customerID", "", "customerID is ''"),
        ("customerID", "  ", "customerID is"),
        ("customerID", "x" * 65, "at most 64"),
        ("customerID", "a\x1b[31m", "character 2 is '\\x1b'"),
        ("customerID", "a\x00b", "character 2 is '\\x00'"),
        ("customerID", "a\u202eb", "character 2 is '\\u202e'"),
        ("customerID", "a\tb", "character 2 is '\\t'"),
        ("customerID", '"a', "quotes are unbalanced"),
        ("customerID", "a,b", "22 columns, the header has 21"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(
    write: Write, column: str, value: str, said: str
) -> None:
    path = write(with_value(column, value))
    with pytest.raises(BadInput) as refused:
        list(read_customers(path))
    assert f"{path}, line 3: " in str(refused.value)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 600 + len(str(path))


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_checked(write: Write, column: str) -> None:
    with pytest.raises(BadInput, match=f"line 3: {column} is"):
        list(read_customers(write(with_value(column, "?" * 65))))


def test_two_lines_of_one_customer_are_both_named(write: Write) -> None:
    path = write("\n".join([HEADER, *ROWS, ROWS[0], ""]))
    with pytest.raises(BadInput, match=r"line 5: customer \S+ is already on line 2"):
        list(read_customers(path))


def test_an_unbalanced_quote_does_not_swallow_the_rows_below(write: Write) -> None:
    with pytest.raises(BadInput, match="line 2: the quotes are unbalanced"):
        list(read_customers(write("\n".join([HEADER, '"' + ROWS[0], *ROWS[1:], ""]))))


def test_a_cut_off_last_line_is_recognised(write: Write) -> None:
    whole = "\n".join([HEADER, *ROWS])
    for cut in (1, 20, 60):
        with pytest.raises(BadInput, match=r"line 4: .*the file may be cut off"):
            list(read_customers(write(whole[:-cut])))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (HEADER.replace("tenure,", ""), "missing: tenure"),
        (HEADER + ",Extra", "not known: Extra"),
        (HEADER.replace("Churn", "churn"), "missing: Churn; not known: churn"),
        (HEADER + ",tenure", "twice: tenure"),
        (HEADER.replace(",", ";"), "separated by commas"),
        ("x," * 5000, "missing: customerID"),
    ],
)
def test_other_columns_are_named(write: Write, header: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        list(read_customers(write(f"{header}\n{ROWS[0]}\n")))
    assert "line 1" in str(refused.value)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (HEADER.encode(), "only a header"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (f"{HEADER}\nM".encode() + b"\xfcller", "line 2: byte 2 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "not UTF-8"),
        (b"\x00" * 5000, "'\\x00'"),
        (b"PK\x03\x04" + bytes(100), "line 1"),
        (gzip.compress(HEADER.encode() * 100)[:-9], "cut off or damaged"),
        (b"\x1f\x8bnot gzip at all", "cut off or damaged"),
        (HEADER.replace(",", "\r").encode(), "'\\r'"),
    ],
)
def test_a_file_that_is_not_customers_is_refused(write: Write, content: bytes, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        list(read_customers(write(content)))
    assert said in str(refused.value)


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "directory"), (tmp_path / "none.csv", "No such file")):
        with pytest.raises(BadInput, match=said):
            list(read_customers(path))
        with pytest.raises(BadInput, match=said):
            file_digest(path)
    with pytest.raises(BadInput, match="null"):
        list(read_customers("a\x00b"))


def test_a_gigabyte_without_a_line_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(HEADER.encode() + b"\n")
        file.truncate(1 << 30)
    code = (
        "import resource, sys\n"
        "from signoff.workloads.contract_renewal.customers import BadInput, read_customers\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: list(read_customers(sys.argv[1]))\n"
        "except BadInput as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True, timeout=60
    )
    message, kilobytes = done.stdout.splitlines()
    assert "line 2: longer than 64 kB" in message
    assert int(kilobytes) < 4096


def test_the_digest_changes_with_the_content(write: Write) -> None:
    first = file_digest(write("a"))
    assert first == file_digest(write("a")) != file_digest(write("b"))
    assert len(first) == 64


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_either_harmless_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray("\n".join([HEADER, *ROWS, ""]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(content)
    with suppress(BadInput):
        for customer in read_customers(path):
            assert customer.customer_id.isprintable()
            assert 0 <= customer.monthly_charges <= 1e6


@pytest.mark.parametrize(
    ("contract", "monthly", "churned", "ending"),
    [
        ("Month-to-month", 20, True, "churned"),
        ("One year", 20, True, "escalated"),
        ("Two year", 110, True, "escalated"),
        ("Month-to-month", 95.05, False, "restructured"),
        ("Month-to-month", 95, False, "renewed_with_offer"),
        ("Two year", 110, False, "renewed_with_offer"),
        ("One year", 70, False, "renewed"),
    ],
)
def test_how_a_renewal_ends(contract: str, monthly: float, churned: bool, ending: str) -> None:
    customer = Customer.model_validate(
        {
            "customer_id": "c",
            "contract": contract,
            "monthly_charges": monthly,
            "tenure": 1,
            "churned": churned,
        }
    )
    assert ending_for(customer) == ending


@needs_the_real_file
def test_the_real_file_is_read_whole() -> None:
    customers = list(read_customers(REAL))
    assert len(customers) == 7043
    assert sum(customer.total_charges is None for customer in customers) == 11
    assert Counter(map(ending_for, customers)) == {
        "renewed": 2858,
        "renewed_with_offer": 2053,
        "churned": 1655,
        "restructured": 263,
        "escalated": 214,
    }
