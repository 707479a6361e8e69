"""Mail that rests on soft opt-in, from the ledger to the link, on both databases."""

from dataclasses import replace

import pytest

from mailconsent.model import EventKind, Evidence, LegalBasis, Reason
from mailconsent.policy.mailing import mailing_of
from mailconsent.services.recipients import unsubscribe
from mailconsent.services.senders import check, permits
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, CECILIA, receipt
from tests.histories import OFFER, history


@pytest.fixture
def alerts(rules):
    return rules.policy.topic("alerts")


def tell(store, address, notation):
    with store.begin() as tx:
        for event in history(notation):
            event_id = append(tx, lock_address(tx, address), event, Evidence())
    return event_id


def decide(store, rules, topic, *addresses, offer=OFFER):
    with store.read() as tx:
        mailing = mailing_of(rules.policy, topic, now=OFFER.now)
        return check(tx, replace(mailing, offer=offer), list(addresses))


def test_each_address_is_judged_by_its_own_sales(store, rules, alerts):
    sale, cancelled = tell(store, ANNA, "$"), tell(store, BO, "$ !1")

    decisions = decide(store, rules, alerts, ANNA, BO, CECILIA, "no address")

    assert decisions == [
        (True, Reason.SOFT_OPT_IN, LegalBasis.SOFT_OPT_IN, sale),
        (False, Reason.SALE_CANCELLED, None, cancelled),
        (False, Reason.NO_LEGAL_BASIS, None, None),
        (False, Reason.INVALID_ADDRESS, None, None),
    ]


@pytest.mark.parametrize("offer", [None, replace(OFFER, eligible=False)], ids=["no offer", "not eligible"])
def test_a_topic_without_soft_opt_in_knows_of_no_sale(store, rules, alerts, offer):
    tell(store, ANNA, "$")

    [decision] = decide(store, rules, alerts, ANNA, offer=offer)

    assert decision == (False, Reason.NO_LEGAL_BASIS, None, None)


def test_transactional_mail_goes_on_whatever_is_offered(store, rules):
    tell(store, ANNA, "$ R2")

    [decision] = decide(store, rules, rules.policy.topic("orders"), ANNA)

    assert decision.reason is Reason.TRANSACTIONAL


def test_the_link_of_such_a_mail_ends_all_soft_opt_in(store, rules, alerts):
    tell(store, ANNA, "$")
    with store.read() as tx:
        mailing = mailing_of(rules.policy, alerts, now=OFFER.now)
        decisions = check(tx, replace(mailing, offer=OFFER), [ANNA])
        [permit] = permits(tx, rules, alerts, [ANNA], decisions, now=OFFER.now)
        claim = store.keyring.read_token(permit.unsubscribe_url.rpartition("/")[2])

    with store.begin() as tx:
        unsubscribe(tx, claim, receipt())

    assert claim.basis is LegalBasis.SOFT_OPT_IN
    assert [d.reason for d in decide(store, rules, alerts, ANNA)] == [Reason.REFUSED]
    other = rules.policy.topic("blog")
    [decision] = decide(store, rules, other, ANNA, offer=replace(OFFER, topic=other.number))
    assert decision.reason is Reason.SOFT_OPT_IN_BARRED


def test_a_sale_after_a_refusal_brings_nobody_back(store, rules, alerts):
    with store.begin() as tx:
        append(tx, lock_address(tx, ANNA), receipt().event(EventKind.REFUSED, 1), Evidence())
    tell(store, ANNA, "$ $2")

    assert [d.reason for d in decide(store, rules, alerts, ANNA)] == [Reason.SOFT_OPT_IN_BARRED]
