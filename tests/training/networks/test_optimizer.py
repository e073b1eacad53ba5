"""Steps of kernels are orthogonal, what must not move does not, and the steps are those of the formulas."""

import numpy as np
import pytest

from tasks.training.networks.plan import Plan, make_plan

pytestmark = pytest.mark.slow
SIDE = 16


def turned(matrix: np.ndarray) -> np.ndarray:
    """What `orthogonal` should give, in double precision: the same singular vectors, three times the quintic."""
    left, values, right = np.linalg.svd(matrix.astype(float), full_matrices=False)
    values = values / np.linalg.norm(values)
    for _ in range(3):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return np.asarray((left * values) @ right)


@pytest.mark.parametrize("shape", [(54, 7), (7, 54), (30, 30), (9, 1)])
def test_a_step_keeps_singular_vectors_and_evens_out_the_values(shape: tuple[int, int]) -> None:
    from tasks.training.networks.optimizer import orthogonal

    rng = np.random.default_rng(sum(shape))
    matrix = rng.normal(size=shape).astype(np.float32) * 1e-3
    found = np.asarray(orthogonal(matrix))
    np.testing.assert_allclose(found, turned(matrix), atol=1e-4)
    spread = np.linalg.svd(found, compute_uv=False)
    before = np.linalg.svd(matrix, compute_uv=False)
    assert spread.max() < 1.6
    if min(shape) > 1:
        assert spread.max() / spread.min() < before.max() / before.min()


def test_no_gradient_is_no_step_and_the_size_of_a_gradient_does_not_matter() -> None:
    from tasks.training.networks.optimizer import orthogonal

    assert not np.asarray(orthogonal(np.zeros((18, 5), np.float32))).any()
    matrix = np.random.default_rng(0).normal(size=(18, 5)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(orthogonal(matrix * 1e4)), np.asarray(orthogonal(matrix)), atol=1e-4)


def network(plan: Plan) -> tuple[object, object]:
    from tasks.training.networks.architectures import build, statistics
    from tasks.training.networks.optimizer import optimizer_of

    pictures = np.random.default_rng(0).integers(0, 255, (40, SIDE, SIDE, 3), dtype=np.uint8)
    model, optimizer = build(plan, statistics(pictures)), optimizer_of(plan)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def test_two_steps_are_those_of_the_formulas() -> None:
    plan = make_plan("airbench", SIDE, 3, 64, 20).model_copy(update={"batch": 16})
    recipe, batch = plan.recipe, plan.batch
    model, optimizer = network(plan)
    rng = np.random.default_rng(1)
    wanted = {variable.path: variable.numpy().astype(float) for variable in model.trainable_variables}  # type: ignore[attr-defined]
    speeds = {path: np.zeros_like(value) for path, value in wanted.items()}
    for step in (0, 1):
        optimizer.learning_rate.assign(plan.rate(step))  # type: ignore[attr-defined]
        gradients = [
            rng.normal(size=variable.shape).astype(np.float32) * 1e-3
            for variable in model.trainable_variables  # type: ignore[attr-defined]
        ]
        optimizer.apply(gradients)  # type: ignore[attr-defined]
        height = plan.height(step)
        for (path, value), gradient in zip(wanted.items(), gradients, strict=True):
            layer, _, kind = path.rpartition("/")
            if layer == "whiten" and kind == "kernel":
                continue
            if layer.startswith("conv"):
                speeds[path] = recipe.kernel_momentum * speeds[path] + gradient
                push = (gradient + recipe.kernel_momentum * speeds[path]).reshape(-1, value.shape[-1])
                scaled = value * np.sqrt(value.shape[-1]) / np.linalg.norm(value)
                wanted[path] = scaled - recipe.kernel_rate * height * turned(push).reshape(value.shape)
                continue
            # 0.053 and 0.67 for the sum of the losses of a batch, decay 2e-6 for each picture of a batch
            rate = 0.67 if kind == "kernel" else 0.053
            push = gradient * batch + 2e-6 / rate * batch * value
            speeds[path] = 0.85 * speeds[path] + push
            wanted[path] = value - rate * height * (push + 0.85 * speeds[path])
    for variable in model.trainable_variables:  # type: ignore[attr-defined]
        np.testing.assert_allclose(variable.numpy(), wanted[variable.path], rtol=2e-3, atol=2e-4, err_msg=variable.path)
    norms = {path: np.linalg.norm(value) / np.sqrt(value.shape[-1]) for path, value in wanted.items() if "conv" in path}
    assert len(norms) == 6
    assert max(norms.values()) < 1.5
