"""Fine-tuning begins with what the head says, ends with more, and is not set back by a kill."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.platform.errors import CasebookError
from tasks.training.networks import plan as plans
from tasks.training.networks.plan import Plan, make_plan

pytestmark = pytest.mark.slow
SIDE = 16


def textures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of three classes that differ by the direction of faint stripes, in any colour and light."""
    rng, labels = np.random.default_rng(seed), np.arange(count) % 3
    y, x = np.indices((SIDE, SIDE))
    waves = np.stack([np.sin(x * 1.6), np.sin(y * 1.6), np.sin((x + y) * 1.6)])
    colour = rng.uniform(40, 215, (count, 1, 1, 3))
    turned = rng.choice([-1, 1], (count, 1, 1, 1))
    pictures = colour + 22 * turned * waves[labels][..., None] + rng.normal(0, 12, (count, SIDE, SIDE, 3))
    return np.clip(pictures, 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def embedder() -> Any:
    """A network that nobody has trained: its features tell the classes badly."""
    import keras

    from tasks.features.pictures.keras_models import KerasEmbedder

    keras.utils.set_random_seed(4)
    layers = keras.layers
    blocks = [part for _ in range(2) for part in (layers.Conv2D(8, 3), layers.BatchNormalization(), layers.ReLU())]
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 127.5, -1),
            *blocks,
            layers.SpatialDropout2D(0.1),
            layers.GlobalAveragePooling2D(),
        ]
    )
    return KerasEmbedder("small", "0" * 8, network, None)


def features(embedder: Any, pictures: np.ndarray) -> np.ndarray:
    return np.asarray(embedder.embed([Image.fromarray(picture) for picture in pictures]))


def taught(embedder: Any, count: int) -> tuple[np.ndarray, np.ndarray, Any, Plan]:
    from tasks.training.networks.heads import fit_head

    pictures, labels = textures(count)
    head = fit_head(features(embedder, pictures), labels, 3).head
    return pictures, labels, head, make_plan("finetune", SIDE, 3, count, 40, base="0" * 8)


def test_it_begins_as_the_head_and_ends_better(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.training.networks.finetuning import begun
    from tasks.training.networks.loop import predict, train

    pictures, labels, head, plan = taught(embedder, 240)
    others, truth = textures(150, 9)
    network = begun(embedder, head)
    model = network(plan, "float32", False)
    told = head.logits(features(embedder, others))
    # The head rounds whitened features to 16 bits.
    np.testing.assert_allclose(predict(model, others), told, atol=0.01 * np.abs(told).max())
    hurried = plans.RECIPES["finetune"].model_copy(update={"rate": 3e-3})  # nothing is worth keeping here
    monkeypatch.setitem(plans.RECIPES, "finetune", hurried)
    trained = train(pictures, labels, plan, network=network)
    before, after = ((row.argmax(axis=1) == truth).mean() for row in (told, predict(trained.model, others)))
    assert after > before + 0.1
    still = [weight for weight in trained.model.weights if "moving_" in weight.path]
    assert len(still) == 4
    for weight in still:
        np.testing.assert_array_equal(np.asarray(weight), float("variance" in weight.path))


def test_an_interrupted_one_ends_with_the_same_network(embedder: Any, tmp_path: Path) -> None:
    from tasks.training.networks.finetuning import begun
    from tasks.training.networks.loop import train

    pictures, labels, head, plan = taught(embedder, 90)
    plan = plan.model_copy(update={"steps": 3 * plan.steps_per_epoch})
    network = begun(embedder, head)
    undisturbed = train(pictures, labels, plan, folder=tmp_path / "a", network=network)

    def stop(row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(pictures, labels, plan, None, tmp_path / "b", stop, network)
    resumed = train(pictures, labels, plan, folder=tmp_path / "b", network=network)
    for ours, theirs in zip(resumed.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_pictures_that_activate_nothing_do_not_spoil_the_weights() -> None:
    import keras

    from tasks.features.pictures.keras_models import KerasEmbedder
    from tasks.training.networks.finetuning import begun
    from tasks.training.networks.loop import train

    layers = keras.layers
    keras.utils.set_random_seed(2)
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, use_bias=False, activation="relu"),
            layers.GlobalMaxPooling2D(),
        ]
    )
    pictures, labels, head, plan = taught(KerasEmbedder("relu", "1" * 8, network, None), 60)
    pictures[::7] = 0
    trained = train(pictures, labels, plan, network=begun(KerasEmbedder("relu", "1" * 8, network, None), head))
    assert all(np.isfinite(weight).all() for weight in trained.model.get_weights())


def test_a_training_that_breaks_down_is_one_sentence(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.training.networks.finetuning import begun
    from tasks.training.networks.loop import train

    pictures, labels, head, plan = taught(embedder, 60)
    monkeypatch.setitem(plans.RECIPES, "finetune", plans.RECIPES["finetune"].model_copy(update={"rate": float("nan")}))
    with pytest.raises(CasebookError, match="its loss is no number"):
        train(pictures, labels, plan, network=begun(embedder, head))


def test_a_stored_one_says_the_same(embedder: Any, tmp_path: Path) -> None:
    from tasks.platform.kinds_models import read_keras, write_keras
    from tasks.training.networks.finetuning import begun
    from tasks.training.networks.loop import predict

    pictures, _, head, plan = taught(embedder, 60)
    model = begun(embedder, head)(plan, "float32", False)
    write_keras(model, tmp_path / "m.keras")
    stored = read_keras(tmp_path / "m.keras", None)
    np.testing.assert_allclose(predict(stored, pictures), predict(model, pictures), atol=1e-4)
