"""What was chosen to make lists or to predict stars, in a few numbers."""

from typing import Literal

from pydantic import BaseModel, Field

Method = Literal["als", "ease", "knn", "popularity"]


class Choice(BaseModel):
    """A method and its settings; those of other methods count for nothing."""

    method: Method = "als"
    rank: int = Field(1, ge=1, le=512, description="factors of als")
    regularisation: float = Field(
        0.1, ge=0, le=1e7, description="als: Spark's regParam, times the ratings of the user or film; ease: lambda"
    )
    alpha: float = Field(0, ge=0, le=10_000, description="als: confidence in what was seen; 0 for stars")
    others: float = Field(0, ge=0, le=1, description="weight of a film watched and not liked; a liked one has 1")
    iterations: int = Field(10, ge=1, le=100, description="of als")
    neighbours: int = Field(100, ge=1, le=1000, description="of a film, knn")
    half_life: float = Field(
        0, ge=0, le=1e6, description="days after which a rating counts half for popularity; 0: all"
    )
    popular: float = Field(0, ge=0, le=100, description="what the most popular film gains by that")
