"""How did a training go, for TensorBoard? One writer of scalars; none where Keras runs on another backend."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SHOWN = ("loss", "accuracy", "validation_loss", "validation_accuracy", "rate", "pictures_per_second")


@contextmanager
def curve_writer(folder: Path | None) -> Iterator[Callable[[dict[str, Any]], None] | None]:
    """Yield what writes a row of a history below `folder`, by epoch; None where nothing can be written."""
    import keras

    if folder is None or keras.backend.backend() != "tensorflow":
        yield None
        return
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder))
    # As tf.summary.scalar describes them, which needs TensorBoard itself installed.
    scalar = tf.compat.v1.SummaryMetadata(data_class=1)
    scalar.plugin_data.plugin_name = "scalars"

    def tell(row: dict[str, Any]) -> None:
        with writer.as_default(step=int(row["epoch"])):
            for name in SHOWN:
                if name in row:
                    tf.summary.write(name, tf.constant(float(row[name])), metadata=scalar)
        writer.flush()

    try:
        yield tell
    finally:
        writer.close()
