from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

import pytest

from signoff.errors import BadInput, UsageError
from signoff.workloads.contract_renewal.customers import (
    COLUMN_OF,
    Customer,
    ending_for,
    file_digest,
    read_customers,
)
from signoff.workloads.contract_renewal.sample import (
    CHURN_RATES,
    CONTRACT_SHARES,
    PAYMENT_METHODS,
    SEGMENTS,
    TENURE,
    sample_customers,
    write_sample,
)

REAL = Path(__file__).parents[5] / "shared/data/telco_customer_churn.csv"


def shares(values: Sequence[object]) -> dict[object, float]:
    return {value: count / len(values) for value, count in Counter(values).items()}


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> list[Customer]:
    path = write_sample(tmp_path_factory.mktemp("sample") / "20000.csv", 20_000, seed=7)
    return list(read_customers(path))


def test_the_tables_agree_with_each_other() -> None:
    assert sum(segment.share for segment in SEGMENTS) == pytest.approx(1, abs=2e-4)
    for contract, rate in CHURN_RATES.items():
        segments = [segment for segment in SEGMENTS if segment.contract == contract]
        share = sum(segment.share for segment in segments)
        assert share == pytest.approx(CONTRACT_SHARES[contract], abs=1e-3)
        churned = sum(segment.share * segment.churn for segment in segments)
        assert churned / share == pytest.approx(rate, abs=1e-3)


def test_a_sample_has_the_published_marginals(sampled: list[Customer]) -> None:
    assert len(sampled) == 20_000
    assert shares([c.contract for c in sampled]) == pytest.approx(CONTRACT_SHARES, abs=0.015)
    assert shares([c.payment_method for c in sampled]) == pytest.approx(PAYMENT_METHODS, abs=0.015)
    assert shares([c.churned for c in sampled])[True] == pytest.approx(0.265, abs=0.015)
    for contract, rate in CHURN_RATES.items():
        group = [c for c in sampled if c.contract == contract]
        assert shares([c.churned for c in group])[True] == pytest.approx(rate, abs=0.02)
        assert quantiles((c.tenure for c in group), n=4) == pytest.approx(
            TENURE[contract][1:4], abs=2.5
        )
    for segment in SEGMENTS:
        charges = [
            c.monthly_charges
            for c in sampled
            if (c.contract, c.internet_service) == (segment.contract, segment.internet_service)
        ]
        assert len(charges) / len(sampled) == pytest.approx(segment.share, abs=0.01)
        assert quantiles(charges, n=4) == pytest.approx(segment.monthly_charges[1:4], rel=0.03)


@pytest.mark.skipif(not REAL.exists(), reason=f"the Telco file is not beside the project ({REAL})")
def test_a_sample_has_the_marginals_of_the_real_file(sampled: list[Customer]) -> None:
    real = list(read_customers(REAL))
    for field in Customer.model_fields.keys() - {
        "customer_id",
        "tenure",
        "monthly_charges",
        "total_charges",
    }:
        expected = shares([getattr(c, field) for c in real])
        assert shares([getattr(c, field) for c in sampled]) == pytest.approx(expected, abs=0.02)
    for contract in CONTRACT_SHARES:
        expected_charges, charges = (
            quantiles((c.monthly_charges for c in group if c.contract == contract), n=4)
            for group in (real, sampled)
        )
        assert charges == pytest.approx(expected_charges, rel=0.06)
    assert shares(list(map(ending_for, sampled))) == pytest.approx(
        shares(list(map(ending_for, real))), abs=0.015
    )


def test_dependent_columns_fit_together(sampled: list[Customer]) -> None:
    for customer in sampled:
        offline = customer.internet_service == "No"
        assert (customer.streaming_tv == "No internet service") is offline
        assert (customer.tech_support == "No internet service") is offline
        assert (customer.multiple_lines == "No phone service") is not customer.phone_service
        assert (customer.total_charges is None) is (customer.tenure == 0)
        if customer.total_charges is not None:
            expected = customer.tenure * customer.monthly_charges
            assert customer.total_charges == pytest.approx(expected, rel=0.06)


def test_the_seed_decides(tmp_path: Path) -> None:
    digests = [
        file_digest(write_sample(tmp_path / f"{i}.csv", 200, seed))
        for i, seed in enumerate((1, 1, 2))
    ]
    assert digests[0] == digests[1] != digests[2]
    assert list(sample_customers(50, 1)) == list(sample_customers(200, 1))[:50]


def test_rows_come_one_at_a_time() -> None:
    row = next(sample_customers(10**11, seed=1))
    assert len(row) == len(COLUMN_OF)


def test_a_number_of_rows_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for rows in (-1, 10**12):
        with pytest.raises(UsageError, match="asked for"):
            sample_customers(rows, seed=1)
    with pytest.raises(UsageError, match="1 or more"):
        write_sample(tmp_path / "none.csv", 0, seed=1)


def test_a_sample_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sample(tmp_path / "a.csv", 5, seed=1)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BadInput, match="No space left"):
        write_sample(path, 50, seed=2)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_sample_needs_a_directory(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot write"):
        write_sample(tmp_path / "none" / "a.csv", 5, seed=1)
    with pytest.raises(BadInput, match="cannot write"):
        write_sample(tmp_path, 5, seed=1)
