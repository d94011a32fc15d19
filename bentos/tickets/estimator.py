"""Support tickets: generated text with its queue, and gradient boosting on letters and numbers.

No exact form knows text, so scikit-learn itself answers, in milliseconds of CPU for each ticket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_500
SEED = 7
TYPO_RATIO = 0.1  # of the words longer than three letters: two neighbouring letters change places
WRONG_RATIO = 0.04  # of the tickets: their queue is any
_CHANNELS = ("chat", "email", "phone")
_GREETINGS = ("hello", "hi there", "good morning", "dear team", "to whom it may concern", "")
_CLOSINGS = ("thanks", "please help", "regards", "this is urgent", "let me know", "")
_THINGS = ("kettle", "lamp", "desk", "phone case", "backpack", "jacket", "router", "bicycle")
# What customers of a queue write about.
_SENTENCES = {
    "billing": (
        "i was charged twice for the {thing}",
        "the invoice for my {thing} shows the wrong amount",
        "my credit card was declined but the money is gone",
        "which tax number is on the receipt of the {thing}",
        "please change the payment method of my subscription",
    ),
    "delivery": (
        "my {thing} has not arrived after {days} days",
        "the courier left the {thing} with a neighbour i do not know",
        "the tracking number of my parcel does not work",
        "can the {thing} be sent to another address",
        "half of my order is missing in the parcel",
    ),
    "returns": (
        "the {thing} is broken and i want my money back",
        "i would like to send the {thing} back, it does not fit",
        "how long do i have to return the {thing}",
        "the refund for the {thing} has been open for {days} days",
        "the {thing} has a scratch, can i get another one",
    ),
    "technical": (
        "i cannot log in, the password mail never comes",
        "the app stops as soon as i open the page of the {thing}",
        "the {thing} does not connect to the network",
        "your website shows an error when i pay for the {thing}",
        "the update of the {thing} has been running for {days} days",
    ),
}
# What anybody writes, so that a single word does not tell the queue.
_ASIDES = (
    "i have been a customer for {days} years",
    "i paid for the {thing} by card",
    "the delivery of the {thing} was quick",
    "last year i had to return a {thing}",
    "the website looks nice by the way",
    "i called you {days} times already",
)
_HOURS = {
    "billing": 10,
    "delivery": 18,
    "returns": 13,
    "technical": 21,
}  # when most of a queue's tickets come


def load_data() -> tuple[pd.DataFrame, pd.Series]:
    """Give 1,500 tickets (text, channel, hour of the day, orders so far) and the queue of each.

    A ticket is a greeting, a sentence or two of its queue, up to two asides and a closing, in lower case with
    typing errors; its hour is near the queue's usual one. Everything is drawn with `SEED`.
    """
    import pandas as pd

    draw = np.random.default_rng(SEED)
    queues = [str(each) for each in draw.choice(sorted(_SENTENCES), size=ROWS)]
    features = pd.DataFrame(
        {
            "text": [_text(queue, draw) for queue in queues],
            "channel": draw.choice(_CHANNELS, size=ROWS).astype(object),
            "hour": [int(draw.normal(_HOURS[queue], 4)) % 24 for queue in queues],
            "orders": draw.poisson(3, size=ROWS),
        }
    )
    wrong = draw.random(ROWS) < WRONG_RATIO
    given = np.where(wrong, draw.choice(sorted(_SENTENCES), size=ROWS), queues)
    return features, pd.Series(given.astype(object), name="queue")


def build_estimator() -> Pipeline:
    """Build the unfitted estimator; columns by position, since a pod has no data frames."""
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), max_features=200, sublinear_tf=True)
    columns = ColumnTransformer(
        [
            ("text", letters, 0),
            ("channel", OneHotEncoder(), [1]),
            ("numbers", "passthrough", [2, 3]),
        ]
    )
    trees = GradientBoostingClassifier(
        n_estimators=100, learning_rate=0.15, subsample=0.8, max_features="sqrt", random_state=SEED
    )
    return make_pipeline(columns, trees)


def _text(queue: str, draw: np.random.Generator) -> str:
    own = draw.choice(_SENTENCES[queue], size=draw.integers(1, 3), replace=False)
    asides = draw.choice(_ASIDES, size=draw.integers(0, 3), replace=False)
    parts = [draw.choice(_GREETINGS), *draw.permutation([*own, *asides]), draw.choice(_CLOSINGS)]
    text = ". ".join(str(each) for each in parts if each)
    filled = text.format(thing=draw.choice(_THINGS), days=draw.integers(2, 15))
    return " ".join(_typed(word, draw) for word in filled.split())


def _typed(word: str, draw: np.random.Generator) -> str:
    if len(word) <= 3 or draw.random() >= TYPO_RATIO:  # noqa: PLR2004 - short words are typed right
        return word
    place = int(draw.integers(0, len(word) - 1))
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
