"""A training that is interrupted ends where it would have; one seed is one network; views are what they say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.training.networks import plan as plans
from tasks.training.networks.augmentation import augmented, cut_out, mirrored, shifted, views
from tasks.training.networks.checkpoints import State, checkpoint_folder, read_state, write_state
from tasks.training.networks.plan import ARCHITECTURES, Plan, batch_for, make_plan

SIDE = 16


def stripes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures of two classes: upright stripes, or lying ones."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    upright = np.where(np.arange(SIDE) % 4 < 2, 200, 40)[None, :].repeat(SIDE, 0)
    pictures = np.where(labels[:, None, None] == 1, upright, upright.T)[..., None] + rng.normal(
        0, 25, (count, SIDE, SIDE, 3)
    )
    return np.clip(pictures, 0, 255).astype(np.uint8), labels


def small_plan(architecture: str, epochs: float = 3) -> Plan:
    plan = make_plan(architecture, SIDE, 2, 60, epochs, seed=3)  # type: ignore[arg-type]
    return plan.model_copy(update={"batch": 16, "steps": round(epochs * 3)})


class StoppedError(Exception):
    """Stands for a kill between two epochs."""


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["airbench", "small"])
def test_an_interrupted_training_ends_with_the_same_network(architecture: str, tmp_path: Path) -> None:
    from tasks.training.networks.loop import predict, train

    pictures, labels = stripes(60)
    plan, whole = small_plan(architecture), []
    undisturbed = train(pictures, labels, plan, stripes(20, 1), tmp_path / "a", whole.append)

    def stop(row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(pictures, labels, plan, stripes(20, 1), tmp_path / "b", stop)
    seen: list[dict[str, Any]] = []
    resumed = train(pictures, labels, plan, stripes(20, 1), tmp_path / "b", seen.append)
    assert [row["epoch"] for row in seen] == [1, 2, 3] == [row["epoch"] for row in whole]
    for ours, theirs in zip(resumed.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [row["loss"] for row in seen] == [row["loss"] for row in whole]
    assert predict(resumed.model, pictures).shape == (60, 2)


@pytest.mark.slow
def test_norms_are_those_of_the_weights_after_each_epoch_not_of_those_before() -> None:
    """Fast steps make another network of it within a few batches; answers must not use what those batches were like."""
    import keras

    from tasks.training.networks.loop import _Training, drawn

    pictures, labels = stripes(64)
    plan = small_plan("airbench").model_copy(update={"batch": 32})
    training = _Training(plan, drawn(pictures, 0))
    for number in range(6):
        training.step(0, pictures[number % 2 :: 2], labels[number % 2 :: 2])
    training.count_norms([pictures[:32], pictures[32:]])
    norms = [layer for layer in training.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.6}
    first = training.model.get_layer("norm1a")
    before = keras.Model(training.model.inputs[0], first.input)
    halves = [np.asarray(before(part.astype(np.float32))).astype(float) for part in (pictures[:32], pictures[32:])]
    mean = np.mean([half.mean(axis=(0, 1, 2)) for half in halves], axis=0)
    np.testing.assert_allclose(np.asarray(first.moving_mean), mean, rtol=1e-3, atol=1e-4)
    shown = [np.asarray(training.model(pictures.astype(np.float32), training=mode)) for mode in (True, False)]
    assert np.corrcoef(shown[0][:, 1] - shown[0][:, 0], shown[1][:, 1] - shown[1][:, 0])[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "small"])
def test_a_stored_network_of_any_kind_is_read_without_our_code(architecture: str, tmp_path: Path) -> None:
    import keras

    from tasks.features.pictures.keras_models import check_file
    from tasks.platform.kinds_models import read_keras, write_keras
    from tasks.training.networks.architectures import build, statistics

    pictures, _ = stripes(30)
    model = build(small_plan(architecture), statistics(pictures), "float32")
    write_keras(model, tmp_path / "model.keras")
    check_file(tmp_path / "model.keras")  # as strict as with files of strangers: Keras' own classes only
    kept = model.predict_on_batch(pictures.astype(np.float32))
    del model
    keras.backend.clear_session()
    np.testing.assert_allclose(
        read_keras(tmp_path / "model.keras", None).predict_on_batch(pictures.astype(np.float32)), kept, atol=1e-5
    )


@pytest.mark.slow
def test_stripes_are_learned_and_a_stored_network_says_the_same(tmp_path: Path) -> None:
    from tasks.platform.kinds_models import read_keras, write_keras
    from tasks.training.networks.loop import cross_entropy, predict, predict_views, train

    pictures, labels = stripes(200)
    plan = make_plan("classic", SIDE, 2, 200, 6, mirror=True, seed=1)
    trained = train(pictures, labels, plan)
    others, truth = stripes(100, 7)
    logits = predict(trained.model, others)
    assert (logits.argmax(axis=1) == truth).mean() > 0.95
    assert (predict_views(trained.model, others, True).argmax(axis=1) == truth).mean() > 0.9
    expected = -np.log(np.exp(logits)[np.arange(100), truth] / np.exp(logits).sum(axis=1))
    np.testing.assert_allclose(cross_entropy(logits, truth), expected, rtol=1e-4)
    write_keras(trained.model, tmp_path / "model.keras")
    np.testing.assert_allclose(predict(read_keras(tmp_path / "model.keras", None), others), logits, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grey", "black and white", "of one colour"])
def test_every_filter_of_the_first_layer_answers(kind: str) -> None:
    """Filters along which grey pictures do not vary made channels without spread; the digits were told by chance."""
    from tasks.training.networks.architectures import statistics

    levels = {"grey": 256, "black and white": 2, "of one colour": 1}[kind]
    drawn = np.random.default_rng(0).integers(0, levels, (200, SIDE, SIDE, 1)) * (255 // max(1, levels - 1))
    pictures = np.repeat(drawn, 3, axis=3).astype(np.uint8)
    filters = statistics(pictures).filters
    assert np.isfinite(filters).all()
    assert (np.abs(filters.sum(axis=2)).max(axis=(0, 1)) > 1e-3).all() or kind == "of one colour"


@pytest.mark.slow
@pytest.mark.parametrize(("blocky", "precision"), [(True, "float32"), (False, "mixed_bfloat16")])
def test_a_precision_that_loses_the_gradient_is_not_taken(
    blocky: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Black digits on white, of large blocks, were told by chance in bfloat16, however fast that was."""
    from sklearn.datasets import load_digits

    from tasks.training.networks import devices

    digits = load_digits()
    small = 255 - (digits.images[:64, ::2, ::2] * 15.9).astype(np.uint8)
    pictures = np.repeat(np.kron(small, np.ones((1, SIDE // 4, SIDE // 4), np.uint8))[..., None], 3, axis=3)
    if not blocky:
        pictures = np.random.default_rng(0).integers(0, 256, pictures.shape).astype(np.uint8)
    rates = {"float32": 1.0, "mixed_bfloat16": 2.0}
    monkeypatch.setattr(devices, "low_precision", lambda: "mixed_bfloat16")
    monkeypatch.setattr(devices, "_rate", lambda training, *_: rates[training.plan.precision])
    plan = make_plan("airbench", SIDE, 10, 600, 4, mirror=False)
    speed = devices.measure_speed(plan, pictures, digits.target[:64])
    assert speed.precision == precision
    assert ("loses the gradient" in speed.why) == blocky


@pytest.mark.slow
def test_filters_of_the_first_layer_whiten_the_patches() -> None:
    from tasks.training.networks.architectures import statistics

    pictures, _ = stripes(300)
    known = statistics(pictures)
    normal = (pictures - known.mean) / np.sqrt(known.variance)
    places = [(y, x) for y in range(SIDE - 1) for x in range(SIDE - 1)]
    patches = np.stack([normal[:, y : y + 2, x : x + 2].reshape(-1, 12) for y, x in places]).reshape(-1, 12)
    answers = patches @ known.filters.reshape(12, 24)[:, :12]
    covariance = answers.T @ answers / len(answers)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.02
    assert covariance[0, 0] == pytest.approx(1, abs=0.02)


def test_shifts_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (9, 6, 7, 3), dtype=np.uint8)
    rows, columns = rng.integers(-2, 3, (2, 9))
    moved = shifted(pictures, rows, columns, 2)
    for picture, row, column, result in zip(pictures, rows, columns, moved, strict=True):
        padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)), "reflect")
        np.testing.assert_array_equal(result, padded[2 + row : 8 + row, 2 + column : 9 + column])


def test_two_epochs_show_both_views_of_each_picture() -> None:
    numbers = np.arange(101)
    first, second, third = (mirrored(numbers, epoch, 5, 101) for epoch in range(3))
    assert (first ^ second).all()
    np.testing.assert_array_equal(first, third)
    assert 0.3 < first.mean() < 0.7


def test_a_view_depends_on_picture_and_epoch_and_not_on_its_batch() -> None:
    pictures, _ = stripes(30)
    numbers = np.array([4, 9, 20])
    together = augmented(pictures, np.arange(30), 2, 1, 2, True, 30)
    np.testing.assert_array_equal(augmented(pictures[numbers], numbers, 2, 1, 2, True, 30), together[numbers])
    assert (augmented(pictures, np.arange(30), 3, 1, 2, True, 30) != together).any()


@given(size=st.integers(1, SIDE), seed=st.integers(0, 99))
def test_each_picture_loses_one_square_and_nothing_else(size: int, seed: int) -> None:
    pictures, _ = stripes(12)
    numbers = np.arange(12)
    cut = cut_out(pictures, numbers, 1, seed, size, 12)
    for before, after in zip(pictures, cut, strict=True):
        colour = before.mean(axis=(0, 1)).round().astype(np.uint8)
        lost = (after == colour).all(axis=2) & ~(before == colour).all(axis=2)
        kept = ~lost
        np.testing.assert_array_equal(after[kept], before[kept])
        rows, columns = np.flatnonzero(lost.any(axis=1)), np.flatnonzero(lost.any(axis=0))
        assert np.ptp(rows) < size
        assert np.ptp(columns) < size
        assert lost.sum() >= size**2 - (before == colour).all(axis=2).sum()
    few = np.array([3, 7])
    np.testing.assert_array_equal(cut_out(pictures[few], few, 1, seed, size, 12), cut[few])


@pytest.mark.slow
def test_the_wide_network_is_wider_and_deeper() -> None:
    from tasks.training.networks.architectures import build, statistics

    pictures, _ = stripes(30)
    known = statistics(pictures)
    sizes = {}
    for architecture in ("airbench", "wide"):
        model = build(small_plan(architecture), known)
        sizes[architecture] = model.count_params()
        convolutions = [layer for layer in model.layers if layer.name.startswith("conv")]
        assert len(convolutions) == {"airbench": 6, "wide": 9}[architecture]
    assert sizes["wide"] > 4 * sizes["airbench"]


def test_weights_of_the_views_add_up() -> None:
    pictures, _ = stripes(3)
    for mirror, count in ((True, 6), (False, 3)):
        shown = views(pictures, mirror)
        assert len(shown) == count
        assert sum(weight for weight, _ in shown) == pytest.approx(1)


@given(pictures=st.integers(2, 60_000), epochs=st.floats(0.1, 50), architecture=st.sampled_from(ARCHITECTURES))
def test_any_plan_has_steps_and_a_batch_that_the_pictures_fill(pictures: int, epochs: float, architecture: Any) -> None:
    plan = make_plan(architecture, 32, 10, pictures, epochs)
    assert 1 <= plan.batch <= pictures
    assert plan.batch == batch_for(pictures, epochs, plan.recipe)
    assert make_plan("finetune", 600, 10, pictures, epochs).batch <= 6
    assert plan.steps >= 1
    rates = [plan.rate(step) for step in range(plan.steps + 1)]
    assert min(rates[:-1]) > 0
    assert max(rates) <= plan.peak_rate * (1 + 1e-9)
    assert rates[-1] == pytest.approx(plan.recipe.end * plan.peak_rate)


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    state = State(2, [np.arange(6.0).reshape(2, 3), np.array(3)], [{"epoch": 1}, {"epoch": 2}])
    write_state(tmp_path / "c", state)
    shapes = [(2, 3), ()]
    found = read_state(tmp_path / "c", shapes)
    assert found is not None
    assert found.history == state.history
    np.testing.assert_array_equal(found.arrays[0], state.arrays[0])
    assert read_state(tmp_path / "c", [(3, 2), ()]) is None
    content = (tmp_path / "c" / "state.npz").read_bytes()
    halves = (b"", content[:40], content[: len(content) // 2], content[:-30], b"PK" + content[:50])
    for damaged in (*halves, content[:90] + b"XX" + content[92:]):
        (tmp_path / "c" / "state.npz").write_bytes(damaged)
        assert read_state(tmp_path / "c", shapes) is None
    assert list((tmp_path / "c").iterdir()) == [tmp_path / "c" / "state.npz"]


def test_a_checkpoint_belongs_to_one_plan_and_one_set_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, labels = stripes(10)
    plan = small_plan("classic")
    here = checkpoint_folder(plan, pictures, labels)
    assert here == checkpoint_folder(plan, pictures.copy(), labels)
    other = pictures.copy()
    other[9, 0, 0, 0] ^= 1
    places = {
        here,
        checkpoint_folder(plan, other, labels),
        checkpoint_folder(plan, pictures, 1 - labels),
        checkpoint_folder(plan.model_copy(update={"seed": 9}), pictures, labels),
    }
    assert len(places) == 4
    usual = plans.RECIPES["classic"]
    monkeypatch.setitem(plans.RECIPES, "classic", usual.model_copy(update={"rate": usual.rate / 2}))
    assert checkpoint_folder(plan, pictures, labels) not in places


@pytest.mark.slow
def test_learning_curves_are_what_tensorboard_reads(tmp_path: Path) -> None:
    import tensorflow as tf

    from tasks.training.networks.curves import curve_writer

    with curve_writer(tmp_path / "curves") as tell:
        assert tell is not None
        for epoch in (1, 2):
            tell({"epoch": epoch, "loss": 1 / epoch, "accuracy": 0.5, "seconds": 3.0})
    (file,) = (tmp_path / "curves").iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name in {"scalars", ""}
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert found == {("loss", 1): 1.0, ("loss", 2): 0.5, ("accuracy", 1): 0.5, ("accuracy", 2): 0.5}
    with curve_writer(None) as silent:
        assert silent is None
