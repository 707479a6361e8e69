"""Sales that a shop tells of."""

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field

from mailconsent.sale_telling import Telling
from mailconsent.sales import Customer, Obtained, SaleEnd, SaleState
from mailconsent.wire.fields import Country, Language, Moment, Request, Source, Text, Version


def _written(value: object) -> object:
    # pydantic would take a number for the seconds since 1970, and a time at midnight for a day.
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return value
    raise ValueError("must be a day as in 2026-03-01")


Day = Annotated[
    date, Field(strict=False, description="Such as 2026-03-01, in the seller's time zone."), BeforeValidator(_written)
]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class SaleRequest(Request):
    """What was sold to somebody, or that a sale was taken back. What is left out is unknown, and no ground for mail."""

    address: Text
    order: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            pattern=r"\S",
            description="The order's number, the same in every telling. Only a keyed hash of it is stored.",
            json_schema_extra={"example": "SO-4711"},
        ),
    ]
    sold_on: Day
    state: Annotated[SaleState, Field(strict=False)] | Annotated[SaleEnd, Field(strict=False)]
    entity: Annotated[Key | None, Field(description="The legal entity that sold: its key in the policy.")] = None
    categories: Annotated[list[Key], Field(max_length=40, description="Of the products: keys in the policy.")] = Field(
        default_factory=list
    )
    obtained: Annotated[Obtained | None, Field(strict=False, description="How you came to the address.")] = None
    notice: Annotated[Version | None, Field(description="Version of the notice that offered the opt-out.")] = None
    offered_at: Annotated[Moment | None, Field(description="When it was offered.")] = None
    country: Country | None = None
    customer: Annotated[Customer | None, Field(strict=False)] = None
    opted_out: Annotated[bool, Field(description="The customer refused marketing in this sale.")] = False
    occurred_at: Moment | None = None
    language: Language | None = None
    source: Source = ""

    def telling(self, reference: str) -> Telling:
        """What it says, with the keyed reference of its order."""
        return Telling(
            order=reference,
            sold_on=self.sold_on,
            state=self.state,
            entity=self.entity or "",
            categories=frozenset(self.categories),
            obtained=self.obtained,
            notice=self.notice or "",
            offered_at=self.offered_at,
            country=self.country or "",
            customer=self.customer,
            opted_out=self.opted_out,
        )
