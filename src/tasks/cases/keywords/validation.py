"""What do documents promise? Names of their own, text, and enough of both."""

from tasks.validation.rules import Contract, Rule, between

CONTRACT = Contract(
    name="the documents",
    unit="documents",
    key="document",
    min_rows=2,
    rules=[
        Rule(
            rule="Every document has a name of its own.",
            expectation="ExpectColumnValuesToBeUnique",
            arguments={"column": "document"},
        ),
        Rule(
            rule="Every document holds at least 100 characters.",
            expectation="ExpectColumnValueLengthsToBeBetween",
            arguments={"column": "text", "min_value": 100},
            severity="warning",
        ),
        Rule(
            rule="At most one document in ten repeats another one to the letter.",
            expectation="ExpectColumnValuesToBeUnique",
            arguments={"column": "text", "mostly": 0.9},
            severity="warning",
        ),
        between("A chapter's number lies between 0 and 9,999.", "number", 0, 9999),
    ],
)
