"""By which step do the weights move? Kernels by orthogonal steps, the rest by Nesterov's momentum; or all by Adam.

Keras is imported here: import this module where a network is trained.
"""

from typing import Any

import keras
from keras import ops

from tasks.training.networks.plan import Plan

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of K. Jordan's quintic iteration
ITERATIONS = 3
TINY = 1e-7


class Muon(keras.optimizers.Optimizer):
    """Momentum whose steps are orthogonal, for the kernels of convolutions; Nesterov's momentum for all else.

    A kernel is a matrix of its outputs by its inputs. Its momentum is made orthogonal, all of its singular values near
    1, so that directions that few pictures speak for are learned as fast as the others; the kernel itself keeps a norm
    of the root of its outputs (K. Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024).
    Biases move `bias_rate` times as fast as the last layer; the kernel of the layer called whiten does not move.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(learning_rate=plan.rate(0), name="muon")
        recipe = plan.recipe
        self.momentum, self.decay, self.bias_rate = recipe.momentum, recipe.decay, recipe.bias_rate
        self.kernel_momentum, self.kernel_rate = recipe.kernel_momentum, recipe.kernel_rate / plan.peak_rate
        self.low = plan.precision.removeprefix("mixed_")
        self.velocities: list[Any] = []
        self.paths: list[str] = []

    def build(self, variables: list[Any]) -> None:
        """Make the velocity of each variable, and note what it is."""
        if self.built:
            return
        super().build(variables)
        self.paths = [variable.path for variable in variables]
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        at = self._get_variable_index(variable)
        velocity, (layer, _, name) = self.velocities[at], self.paths[at].rpartition("/")
        if layer == "whiten" and name == "kernel":
            return
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        if layer.startswith("conv"):
            self._turn(variable, velocity, gradient, rate * self.kernel_rate)
            return
        # Scaling the gradient is scaling the rate; the decay is in units of the common rate.
        factor = 1.0 if name == "kernel" else self.bias_rate
        push = gradient * factor + self.decay * ops.convert_to_tensor(variable)
        speed = self.momentum * ops.convert_to_tensor(velocity) + push
        self.assign(velocity, speed)
        self.assign_sub(variable, rate * (push + self.momentum * speed))

    def _turn(self, kernel: Any, velocity: Any, gradient: Any, rate: Any) -> None:
        speed = self.kernel_momentum * ops.convert_to_tensor(velocity) + gradient
        self.assign(velocity, speed)
        push = ops.reshape(gradient + self.kernel_momentum * speed, (-1, kernel.shape[-1]))
        step = ops.reshape(ops.cast(orthogonal(ops.cast(push, self.low)), kernel.dtype), kernel.shape)
        weights = ops.convert_to_tensor(kernel)
        norm = ops.sqrt(ops.sum(ops.square(weights)))
        self.assign(kernel, weights * (float(kernel.shape[-1]) ** 0.5 / norm) - rate * step)


def orthogonal(matrix: Any) -> Any:
    """Return a matrix (m, n) with the same singular vectors and singular values of about 0.5 to 1.5.

    Three products for each of `ITERATIONS` Newton-Schulz iterations (K. Jordan 2024); a matrix of noughts stays one.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    norm = ops.sqrt(ops.sum(ops.square(ops.cast(x, "float32"))))
    x = ops.cast(ops.cast(x, "float32") / (norm + TINY), x.dtype)
    for _ in range(ITERATIONS):
        square = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * square + c * ops.matmul(square, square), x)
    return ops.transpose(x) if tall else x


def optimizer_of(plan: Plan) -> keras.optimizers.Optimizer:
    """Return the optimizer of a plan; its learning rate is set at each step."""
    if plan.recipe.optimizer == "adam":
        return keras.optimizers.AdamW(plan.rate(0), weight_decay=plan.recipe.decay, clipnorm=5.0)
    return Muon(plan)
