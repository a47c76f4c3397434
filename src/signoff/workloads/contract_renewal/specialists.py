"""Who advises the owner of the offer: churn, discount and terms, merged by a plain function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from signoff.boundary import Boundary, Proposer, Transactional, Write
from signoff.coordination import Delegation, Part, Specialist
from signoff.workloads.contract_renewal.subject import Offer, Renewal, Score, Terms
from signoff.workloads.contract_renewal.verifiers import about_this_customer

P = TypeVar("P", Score, Offer, Terms)


def discount_for(risk: float, renewal: Renewal) -> float:
    """What keeping a customer is worth, as a share of the price: more, the likelier they leave."""
    return round(min(renewal.cap, 0.05 + 0.3 * risk), 2)


def one_offer(parts: Mapping[str, Part], renewal: Renewal) -> Offer:
    """The offer that all three give together.

    The discount is the mean, by the declared weights, of what the discount specialist says and of
    what the risk that the churn specialist sees is worth. The product is that of the terms.
    Without churn or terms the renewal itself answers; without a discount there is no offer.
    """
    discount, churn, terms = (parts.get(name) for name in ("discount", "churn", "terms"))
    if discount is None:
        raise LookupError("nobody proposed a discount")
    said: Offer = discount.value
    share = said.discount
    if churn is not None:
        worth = discount_for(churn.value.churn_risk, renewal)
        total = discount.weight + churn.weight
        share = round((discount.weight * share + churn.weight * worth) / total, 2)
    product = renewal.product if terms is None else terms.value.product
    message = said.message
    if share != said.discount:  # the words must not promise another discount than the number
        message = f"Stay with us for another term and pay {share:.0%} less."
    return Offer(customer_id=renewal.id, discount=share, product=product, message=message)


def offered_by_specialists(
    owner: Boundary[Renewal, Offer, str],
    *,
    churn: Proposer[Renewal, Score],
    discount: Proposer[Renewal, Offer],
    terms: Proposer[Renewal, Terms],
) -> Delegation[Renewal, Offer, str]:
    """The boundary that sends an offer, proposed to by three specialists.

    A missing answer is dropped: the merge says what can do without it, and refuses the rest.
    """
    return Delegation(
        owner,
        [
            Specialist(boundary=_asking("renewal.churn", churn), name="churn", weight=1.0),
            Specialist(boundary=_asking("renewal.discount", discount), name="discount", weight=2.0),
            Specialist(boundary=_asking("renewal.terms", terms), name="terms"),
        ],
        merge=one_offer,
        partial="drop",
    )


def _asking(name: str, proposer: Proposer[Renewal, P]) -> Boundary[Renewal, P, P]:
    return Boundary(
        name,
        proposer=proposer,
        verifiers=[about_this_customer],
        commit=Transactional(_as_said(proposer.proposes)),
        attempts=1,
    )


def _as_said(proposes: type[P]) -> Callable[[P, Renewal, Write[Renewal]], P]:
    def advise(proposal: P, renewal: Renewal, write: Write[Renewal]) -> P:
        return proposal

    advise.__annotations__["return"] = proposes
    return advise
