"""What the report says of documents with and without key words."""

import pandas as pd

from tasks.cases.keywords.report import words_section
from tasks.publishing.blocks import Table


def test_the_table_of_documents_is_in_reading_order_and_names_those_without_key_words() -> None:
    documents = pd.DataFrame({"document": [f"book {n}" for n in range(1, 12)]})
    own = documents["document"][documents["document"] != "book 3"]
    words = pd.DataFrame(
        [(name, word) for name in sorted(own) for word in ("whale", "sea")], columns=["document", "word"]
    )
    table = words_section(words, documents).blocks[0]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == documents["document"].tolist()
    assert [row[1] for row in table.rows[1:4]] == [
        "whale, sea",
        "none: it shares all its words with too many others",
        "whale, sea",
    ]
