"""How good is it, and how sure are we? One record per metric, with its interval and what it is compared with."""

from pydantic import BaseModel, Field


class Metric(BaseModel):
    """One measured figure of a run."""

    name: str = Field(description="the field's short lower-case name, such as precision@5")
    value: float
    unit: str = ""
    low: float | None = Field(None, description="lower end of the 95 % interval")
    high: float | None = Field(None, description="upper end of the 95 % interval")
    n: int | None = Field(None, description="number of cases that the figure rests on")
    baseline: float | None = Field(None, description="the trivial baseline on the same test data")
    champion: float | None = Field(None, description="the current champion on the same test data")
    note: str = ""
