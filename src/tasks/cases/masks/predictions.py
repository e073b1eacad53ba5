"""Who wears a mask there? The published model asked about a picture, a folder of them, or a film."""

from tasks.cases.masks.detection.look import look
from tasks.cases.masks.ingestion import WITH
from tasks.cases.masks.training.model import Recognition
from tasks.evaluation.champions import Champion
from tasks.platform.scratch import passing_folder
from tasks.publishing.predictions import Answered


def predict(champion: Champion, given: str, *, folder: str = "") -> Answered:
    """Find the faces in a picture, a folder of pictures or a film, and say of each whether it wears a mask.

    Args:
        champion: whose stored results answer.
        given: path of a picture, of a folder or archive of pictures, or of a film.
        folder: an existing folder for the annotated pictures or film; without one none is kept.
    """
    parts = champion.artifacts
    with passing_folder("asked-") as scratch:
        seen = look.fn(
            given,
            parts["model_8bit"].load(bytes),
            parts["recognition"].load(Recognition),
            0.0,
            False,
            folder or str(scratch),
        )
    table = seen.table
    worn = int((table["verdict"] == WITH).sum()) if len(table) else 0
    answer = f"{worn:,} of {len(table):,} faces wear a mask." if len(table) else "No face was found."
    return Answered(table, answer)
