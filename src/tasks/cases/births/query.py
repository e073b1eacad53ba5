"""What is asked of the table of births? One text for BigQuery, DuckDB and Spark; it reads the rows once.

Every row is given the first reason for which it cannot be used, or none. Rows that can are summed up three ways at once
(`GROUPING SETS`): by year and age, by what might be behind a difference (decade, sex, twins, birth order, smoking), and
as a histogram of weights. Sums of weights and of their squares are all that means, intervals and regressions need.
"""

from collections.abc import Mapping

from tasks.ingestion.warehouse.question import Kind, Question

LIGHTEST, HEAVIEST = 0.2, 20.0  # pounds of a newborn that lives in the table
YOUNGEST, OLDEST = 10, 60  # years of a mother
LOW = 5.511557  # pounds: below 2,500 g a birth weight is low (WHO)
EARLY = 37  # weeks: before, a birth is preterm (WHO)
SHORTEST, LONGEST = 17, 47  # weeks of a pregnancy; 99 stands for unknown
WIDTH = 0.25  # pounds of a bar of the histogram

REASONS = {
    "line": "A line is a row of the table.",
    "year": "A birth has a year.",
    "age": "The mother's age is known.",
    "age_range": f"The mother's age lies between {YOUNGEST} and {OLDEST} years.",
    "weight": "The weight is known.",
    "weight_range": f"The weight lies between {LIGHTEST:g} and {HEAVIEST:g} pounds.",
    "sex": "The sex is known.",
    "record": "A record stands for 1 to 100 births.",
}

COLUMNS: dict[str, Kind] = {
    "year": "integer",
    "weight_pounds": "number",
    "mother_age": "integer",
    "is_male": "flag",
    "plurality": "integer",
    "gestation_weeks": "integer",
    "ever_born": "integer",
    "cigarette_use": "flag",
    "record_weight": "integer",
}
OPTIONAL = ["gestation_weeks", "ever_born", "cigarette_use", "record_weight"]

_JUDGED = """
    SELECT year, mother_age, weight_pounds, is_male, plurality, gestation_weeks, ever_born, cigarette_use,
      COALESCE(record_weight, 1) AS stands_for,
      CASE
        WHEN year IS NULL THEN 'year'
        WHEN mother_age IS NULL THEN 'age'
        WHEN NOT (mother_age BETWEEN ? AND ?) THEN 'age_range'
        WHEN weight_pounds IS NULL THEN 'weight'
        WHEN NOT (weight_pounds BETWEEN ? AND ?) THEN 'weight_range'
        WHEN is_male IS NULL THEN 'sex'
        WHEN NOT (COALESCE(record_weight, 1) BETWEEN 1 AND 100) THEN 'record'
        ELSE ''
      END AS broken
    FROM {rows}
    WHERE (year IS NULL OR year BETWEEN ? AND ?)"""

_DESCRIBED = """
  SELECT broken, stands_for,
    CASE WHEN broken = '' THEN year END AS birth_year,
    CASE WHEN broken = '' THEN CAST(FLOOR(year / 10) AS BIGINT) * 10 END AS decade,
    CASE WHEN broken = '' THEN mother_age END AS age,
    CASE
      WHEN broken <> '' THEN NULL
      WHEN mother_age < 20 THEN 15
      WHEN mother_age >= 40 THEN 40
      ELSE CAST(FLOOR(mother_age / 5) AS BIGINT) * 5
    END AS age_group,
    CASE WHEN broken <> '' THEN NULL WHEN is_male THEN 'boy' ELSE 'girl' END AS sex,
    CASE
      WHEN broken <> '' THEN NULL
      WHEN plurality = 1 THEN 'single'
      WHEN plurality > 1 THEN 'twin'
      ELSE 'unknown'
    END AS plural,
    CASE
      WHEN broken <> '' THEN NULL
      WHEN ever_born = 1 THEN 'first'
      WHEN ever_born BETWEEN 2 AND 30 THEN 'later'
      ELSE 'unknown'
    END AS birth_order,
    CASE
      WHEN broken <> '' THEN NULL
      WHEN cigarette_use IS NULL THEN 'unknown'
      WHEN cigarette_use THEN 'yes'
      ELSE 'no'
    END AS smoker,
    CASE WHEN broken = '' THEN CAST(FLOOR(weight_pounds / ?) AS BIGINT) END AS bin,
    CASE WHEN broken = '' THEN weight_pounds ELSE 0 END AS weight,
    CASE WHEN broken = '' AND weight_pounds < ? THEN 1 ELSE 0 END AS is_low,
    CASE WHEN broken = '' AND gestation_weeks BETWEEN ? AND ? THEN 1 ELSE 0 END AS is_dated,
    CASE WHEN broken = '' AND gestation_weeks BETWEEN ? AND ? AND gestation_weeks < ? THEN 1 ELSE 0 END AS is_early
  FROM ({judged}
  ) AS judged"""

_SUMMED = """
SELECT broken, birth_year, decade, age, age_group, sex, plural, birth_order, smoker, bin,
  GROUPING(birth_year) AS without_year,
  GROUPING(sex) AS without_sex,
  GROUPING(bin) AS without_bin,
  COUNT(*) AS records,
  SUM(stands_for) AS births,
  SUM(stands_for * stands_for) AS squares,
  SUM(stands_for * weight) AS pounds,
  SUM(stands_for * weight * weight) AS pounds_squared,
  SUM(stands_for * is_low) AS low,
  SUM(stands_for * is_dated) AS dated,
  SUM(stands_for * is_early) AS early
FROM ({described}
) AS described
GROUP BY GROUPING SETS (
  (broken, birth_year, age),
  (broken, decade, age, sex, plural, birth_order, smoker),
  (broken, decade, age_group, bin)
)"""

_BROKEN = """
SELECT CASE broken {cases} END AS reason,
  'year=' || COALESCE(CAST(year AS VARCHAR), '') || ', mother_age=' || COALESCE(CAST(mother_age AS VARCHAR), '')
    || ', weight_pounds=' || COALESCE(CAST(weight_pounds AS VARCHAR), '') AS detail
FROM ({judged}) AS judged
WHERE broken <> ''"""


def births_question(
    first_year: int, last_year: int, state: str = "", called: Mapping[str, str] | None = None
) -> Question:
    """Return what is asked of the births of some years, of one state or of all.

    Args:
        first_year: the first of them.
        last_year: the last of them.
        state: its two letters; all states when empty, and then the column is not read.
        called: column -> its name in the user's own files, of those that are called otherwise.
    """
    judged = _JUDGED + (" AND state = ?" if state else "")
    inner: list[int | float | str] = [YOUNGEST, OLDEST, LIGHTEST, HEAVIEST, first_year, last_year]
    inner += [state] if state else []
    described = _DESCRIBED.replace("{judged}", judged)
    cases = " ".join(f"WHEN '{name}' THEN '{text.replace(chr(39), chr(39) * 2)}'" for name, text in REASONS.items())
    return Question(
        sql=_SUMMED.replace("{described}", described),
        values=[WIDTH, LOW, SHORTEST, LONGEST, SHORTEST, LONGEST, EARLY, *inner],
        columns=COLUMNS | ({"state": "text"} if state else {}),
        optional=OPTIONAL,
        called=dict(called or {}),
        broken=_BROKEN.replace("{cases}", cases).replace("{judged}", judged),
        broken_values=inner,
    )
