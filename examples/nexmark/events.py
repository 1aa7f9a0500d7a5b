"""Nexmark events: an endless stream of persons, auctions and bids, the same for the same seed.

Of 50 events, one is a person, three are auctions and 46 are bids: 2, 6 and 92 per cent. Most bids are on a few hot
auctions and by a few hot bidders, and most auctions are opened by a few hot sellers. Event ``n`` depends on the seed
and on ``n`` only, so that generation may begin anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from string import ascii_lowercase
from typing import Any

Document = dict[str, Any]

PERSONS, AUCTIONS, ROUND = 1, 3, 50
"""Persons and auctions of every round of events; the rest are bids."""

FIRST_PERSON = FIRST_AUCTION = 1000
FIRST_CATEGORY, CATEGORIES = 10, 5
ACTIVE_PERSONS, AUCTIONS_IN_FLIGHT = 1000, 100
HOT_EVERY = 100
"""Keys divisible by this are the hot ones, each until the next one comes."""
HOT_AUCTION, HOT_BIDDER, HOT_SELLER = 1 / 2, 3 / 4, 3 / 4
"""How often the hot one is taken."""

FIRST_NAMES = ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"]
LAST_NAMES = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"]
CITIES = (
    ("Phoenix", "AZ"), ("Los Angeles", "CA"), ("San Francisco", "CA"), ("Boise", "ID"), ("Portland", "OR"),
    ("Bend", "OR"), ("Redmond", "WA"), ("Seattle", "WA"), ("Kent", "WA"), ("Cheyenne", "WY"),
)  # fmt: skip
HOT_CHANNELS = ("Google", "Facebook", "Baidu", "Apple")
CHANNELS = 10_000


@dataclass(frozen=True)
class Stream:
    """``rate`` is in events per second of the documents' own time; it does not tell how fast they are made."""

    seed: int = 0
    rate: float = 10_000
    start: datetime = datetime(2025, 3, 31, 12)

    def events(self, first: int = 0, end: int | None = None) -> Iterator[tuple[str, Document]]:
        """Events from ``first`` up to ``end``: the collection, and the document."""
        number = first
        while end is None or number < end:
            yield self.event(number)
            number += 1

    def event(self, number: int) -> tuple[str, Document]:
        random = Random(self.seed << 64 | number)
        match _kind(number):
            case "person":
                return "person", self._person(number, random)
            case "auction":
                return "auction", self._auction(number, random)
            case _:
                return "bid", self._bid(number, random)

    def at(self, number: int) -> datetime:
        """When event ``number`` happens, in whole milliseconds."""
        return self.start + timedelta(milliseconds=int(number * 1000 / self.rate))

    def _person(self, number: int, random: Random) -> Document:
        first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
        city, state = random.choice(CITIES)
        return {
            "_id": last_person(number),
            "name": f"{first} {last}",
            "email_address": f"{_word(random, 7)}@{_word(random, 5)}.com",
            "credit_card": " ".join(f"{random.randrange(10_000):04d}" for _ in range(4)),
            "city": city,
            "state": state,
            "date_time": self.at(number),
            "extra": _word(random, random.randrange(60, 120)),
        }

    def _auction(self, number: int, random: Random) -> Document:
        initial = _price(random)
        open_for = random.randrange(1, 2 * AUCTIONS_IN_FLIGHT * ROUND // AUCTIONS)
        return {
            "_id": last_auction(number),
            "item_name": _word(random, 20),
            "description": _word(random, 100),
            "initial_bid": initial,
            "reserve": initial + _price(random),
            "date_time": self.at(number),
            "expires": self.at(number + open_for),
            "seller": _seller(number, random),
            "category": FIRST_CATEGORY + random.randrange(CATEGORIES),
            "extra": _word(random, random.randrange(150, 300)),
        }

    def _bid(self, number: int, random: Random) -> Document:
        channel, url = _channel(random)
        return {
            "_id": number,
            "auction": _auction_bid_on(number, random),
            "bidder": _bidder(number, random),
            "price": _price(random),
            "channel": channel,
            "url": url,
            "date_time": self.at(number),
            "extra": _word(random, random.randrange(20, 60)),
        }


def side_input(rows: int = 10_000, first: int = 0) -> Iterator[Document]:
    """What q13 joins with: a text for each key."""
    for key in range(first, first + rows):
        yield {"_id": key, "key": key, "value": f"side {key}"}


def last_person(number: int) -> int:
    """The key of the last person up to event ``number``."""
    return FIRST_PERSON + number // ROUND


def last_auction(number: int) -> int:
    """The key of the last auction up to event ``number``; before the first there is none, but its key."""
    turns, place = divmod(number, ROUND)
    opened = min(max(place + 1 - PERSONS, 0), AUCTIONS)
    return FIRST_AUCTION + max(turns * AUCTIONS + opened - 1, 0)


def _kind(number: int) -> str:
    place = number % ROUND
    if place < PERSONS:
        return "person"
    return "auction" if place < PERSONS + AUCTIONS else "bid"


def _seller(number: int, random: Random) -> int:
    return _hot_or_any(last_person(number), FIRST_PERSON, ACTIVE_PERSONS, HOT_SELLER, random)


def _bidder(number: int, random: Random) -> int:
    return _hot_or_any(last_person(number), FIRST_PERSON + 1, ACTIVE_PERSONS, HOT_BIDDER, random)


def _auction_bid_on(number: int, random: Random) -> int:
    return _hot_or_any(last_auction(number), FIRST_AUCTION, AUCTIONS_IN_FLIGHT, HOT_AUCTION, random)


def _hot_or_any(last: int, hot: int, active: int, share: float, random: Random) -> int:
    """The latest hot key (``hot`` is the first of them), or any of the last ``active`` ones."""
    latest = max(last - (last - hot) % HOT_EVERY, FIRST_PERSON)
    if random.random() < share:
        return min(latest, last)
    return random.randint(max(last - active + 1, FIRST_PERSON), last)


def _price(random: Random) -> int:
    """From one to a million dollars, in cents; each order of magnitude is as likely as the next."""
    return round(10 ** (random.random() * 6) * 100)


def _channel(random: Random) -> tuple[str, str]:
    path = "/".join(_word(random, 5) for _ in range(3))
    url = f"https://www.nexmark.com/{path}/item.htm?query=1"
    if random.random() < 0.5:
        return random.choice(HOT_CHANNELS), url
    number = random.randrange(CHANNELS)
    return f"channel-{number}", f"{url}&channel_id={number}" if random.random() < 0.9 else url


def _word(random: Random, length: int) -> str:
    return "".join(random.choices(ascii_lowercase, k=length))
