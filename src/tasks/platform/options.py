"""How does a stage run, and which phase of CRISP-DM does it belong to?"""

from dataclasses import dataclass

PHASES = (
    "Business understanding",
    "Data understanding",
    "Data preparation",
    "Modelling",
    "Evaluation",
    "Deployment",
)


@dataclass(frozen=True)
class Options:
    """How a stage runs; see `tasks.platform.stage.stage`."""

    phase: str
    name: str
    live: bool = False
    retries: int = 0
    retry_seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise ValueError(f"{self.phase!r} is no CRISP-DM phase; they are {', '.join(PHASES)}")
