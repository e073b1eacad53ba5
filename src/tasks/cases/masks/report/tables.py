"""Pictures for the report: test pictures that were judged wrong, as they were cut out."""

import base64

import numpy as np
import pandas as pd

from tasks.platform.stage import stage

SHOWN = 12


@stage(phase="Evaluation")
def wrong_faces(judged: pd.DataFrame, faces: np.ndarray, rows: np.ndarray) -> list[dict[str, str]]:
    """Return the test pictures that were judged wrong, the surest first: `jpeg` (base64), `title`, `subtitle`.

    Args:
        judged: a row for each of `rows`.
        faces: crops of all pictures, uint8 (n, side, side, 3).
        rows: (m,) those that were judged.
    """
    import cv2

    wrong = judged[~judged["right"]].sort_values("confidence", ascending=False, kind="stable").head(SHOWN)
    tiles = []
    for at, row in zip(wrong.index, wrong.to_dict("records"), strict=True):
        face = np.ascontiguousarray(faces[rows[at]][:, :, ::-1])
        content = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        title = f"{row['label']}, judged {row['verdict']} ({row['confidence']:.0%})"
        tiles.append({"jpeg": base64.b64encode(content).decode(), "title": title, "subtitle": str(row["path"])})
    return tiles


@stage(phase="Evaluation")
def list_faces(judged: pd.DataFrame, other: pd.DataFrame | None) -> pd.DataFrame:
    """Return the judgements of all test pictures, `source` among the columns."""
    parts = [judged.assign(source="first")]
    if other is not None:
        parts.append(other.assign(source="other"))
    table = pd.concat(parts, ignore_index=True)
    return table[["source", *(name for name in table.columns if name != "source")]]
