"""Made-up run folders, as runs leave them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)


def record(night: int = 0, **more: Any) -> dict[str, Any]:
    """Return what a result.json holds."""
    metric = {"name": "mae", "value": 25.0, "unit": "€", "low": 23.0, "high": 27.0, "baseline": 40.0, "champion": None}
    stages = [{"name": "a", "phase": "Modelling", "state": "ran", "seconds": 2.0}]
    stages += [{"name": name, "phase": "Modelling", "state": "cached", "seconds": 0.0} for name in "bcd"]
    given = {
        "flow": "rentals",
        "question": "What should a flat cost?",
        "answer": "So much.",
        "seconds": 12.0,
        "parameters": {"source": "sample", "seed": 42},
        "data": [{"source": "sample", "sha256": "ab" * 32, "rows": 900}],
        "metrics": [metric],
        "stages": stages,
        "artifacts": {"report": "report.html", "result": "result.json"},
        "started": (START + timedelta(days=night)).isoformat(),
        "verdict": {"met": True, "sentence": "Good."},
        "champion": "It is the champion.",
        "contract": [],
        "quarantine": {"total": 3, "reasons": {}},
        "command": "",
        "limits": [],
        "crowned": False,
        "prefect": "",
    }
    return given | more


def leave(output: Path, flow: str = "rentals", night: int = 0, **more: Any) -> Path:
    """Write the folder of a run of that night; `content` stands in place of its result.json."""
    folder = output / flow / f"{START + timedelta(days=night):%Y%m%d-%H%M%S}-{night:04x}"
    folder.mkdir(parents=True)
    content = more.pop("content", None)
    text = json.dumps(record(night, flow=flow, **more)) if content is None else content
    (folder / "result.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "report.html").write_text("<html>")
    return folder


def mae(value: float, champion: float | None = None) -> list[dict[str, Any]]:
    """Return the figures of a run with one figure."""
    return [{"name": "mae", "value": value, "unit": "€", "low": value - 2, "high": value + 2, "champion": champion}]
