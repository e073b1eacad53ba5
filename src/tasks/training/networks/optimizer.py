"""By which step do the weights move? Nesterov's momentum with decoupled decay and rates of their own, or Adam.

Keras is imported here: import this module where a network is trained.
"""

from typing import Any

import keras
from keras import ops

from tasks.training.networks.plan import Plan


class Nesterov(keras.optimizers.Optimizer):
    """Stochastic gradient descent with Nesterov's momentum, as PyTorch writes it.

    The biases of layers called norm… move `bias_rate` times as fast, the kernel of the layer called whiten not at all.
    """

    def __init__(self, learning_rate: float, momentum: float, decay: float, bias_rate: float) -> None:
        super().__init__(learning_rate=learning_rate, name="nesterov")
        self.momentum, self.decay, self.bias_rate = momentum, decay, bias_rate
        self.velocities: list[Any] = []
        self.factors: list[tuple[float, float]] = []

    def build(self, variables: list[Any]) -> None:
        """Make the velocity of each variable, and note by which factors its gradient and its decay count."""
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")
        self.factors = [self._factors(variable.path) for variable in variables]

    def _factors(self, path: str) -> tuple[float, float]:
        layer, _, name = path.rpartition("/")
        if layer == "whiten" and name == "kernel":
            return 0.0, 0.0
        return (self.bias_rate if layer.startswith("norm") else 1.0), self.decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        at = self._get_variable_index(variable)
        factor, decay = self.factors[at]
        if not factor:
            return
        rate, velocity = ops.cast(learning_rate, variable.dtype), self.velocities[at]
        # Scaling the gradient is scaling the rate; the decay is in units of the common rate.
        push = ops.cast(gradient, variable.dtype) * factor + decay * ops.convert_to_tensor(variable)
        speed = self.momentum * ops.convert_to_tensor(velocity) + push
        self.assign(velocity, speed)
        self.assign_sub(variable, rate * (push + self.momentum * speed))


def optimizer_of(plan: Plan) -> keras.optimizers.Optimizer:
    """Return the optimizer of a plan; its learning rate is set at each step."""
    recipe = plan.recipe
    if recipe.optimizer == "adam":
        return keras.optimizers.AdamW(plan.rate(0), weight_decay=recipe.decay, clipnorm=5.0)
    return Nesterov(plan.rate(0), recipe.momentum, recipe.decay, recipe.bias_rate)
