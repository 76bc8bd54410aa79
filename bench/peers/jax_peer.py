"""Training steps of `stillpoint bench` in JAX: one jitted program each, with Adam, whose state is donated."""
import jax
import jax.numpy as jnp
import numpy as np

import jax_models as models
from jax_mondeq import mondeq_gradients
from jax_solvers import SOLVERS
from peer import HostClock, PeerError

LEARNING_RATE, BETA1, BETA2 = 1e-3, 0.9, 0.999
BUFFERS = ("psi.omega", "norm.mean", "norm.variance", "alpha")
NETWORKS = {"pixels": models.pixel_sim, "tcn": models.sequence_tcn, "copy-memory": models.sequence_sim}


def arrays_of(state):
    """Converts the arrays of a state to numpy's."""
    kinds = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64}
    return {name: np.frombuffer(data, kinds[dtype]).reshape(shape) for name, (dtype, shape, data) in state.items()}


class Problem:
    """Settings of a workload, and its gradients as pure functions of parameters, buffers and data."""

    def __init__(self, request):
        self.task, self.model = request["workload"].split("/")[1:]
        self.sizes, self.products = request["sizes"], models.Products(request["precision"] == "bf16")
        copy = self.task == "copy-memory"
        self.eps = 1e-8 if "deq" in self.model else 1e-5
        self.clip = (0.25 if self.model == "deq" else 1.0) if copy else None
        if self.sizes["tolerance"] > 0:
            raise PeerError("given a tolerance, expected a number of evaluations, use --evaluations")

    def loss_of(self, output, y):
        """Returns the loss of logits or colours."""
        if self.task == "pixels":
            return jnp.mean(jnp.square(output - y))
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(output), y.reshape(-1, 1), 1))

    def gradients(self, p, buffers, x, y):
        """Returns the loss, the gradients and the new buffers."""
        if self.model == "deq":
            return *self.deq_gradients(p, x, y), buffers
        if "mondeq" in self.model:
            return *mondeq_gradients(self, p, buffers, x, y), buffers
        network = NETWORKS.get(self.model, NETWORKS.get(self.task))

        def loss(p):
            if network is None:
                logits, statistics = models.image_sim(self.products, {**p, **buffers}, x)
                return self.loss_of(logits, y), {**buffers, **statistics}
            return self.loss_of(network(self.products, {**p, **buffers}, x), y), buffers
        (value, buffers), gradients = jax.value_and_grad(loss, has_aux=True)(p)
        return value, gradients, buffers

    def deq_gradients(self, p, x, y):
        """Solves, records one evaluation, and solves the adjoint with its products with J^T."""
        solve, count = SOLVERS[self.sizes["solver"]], self.sizes["evaluations"]
        bound, bind_back = jax.vjp(lambda p: models.deq_bind(self.products, p, x), p)
        zero = jnp.zeros((*x.shape, p["embedding"].shape[1]), jnp.float32)
        z = solve(lambda z: models.deq_cell(self.products, z, bound), zero, count)
        value, back = jax.vjp(lambda z, bound: models.deq_cell(self.products, z, bound), z, bound)

        def loss(value, p):
            logits = self.products.linear(value.reshape(-1, value.shape[2]), p["embedding"], p["out.b"])
            return self.loss_of(logits, y)
        result, (g, of_output) = jax.value_and_grad(loss, (0, 1))(value, p)
        adjoint = solve(lambda a: back(a)[0] + g, g, count, relative=True)
        (of_bound,) = bind_back(back(adjoint)[1])
        return result, jax.tree.map(jnp.add, of_output, of_bound)


def require_device(request):
    """Throws PeerError if JAX has no such device, and chooses the rounding of products on a GPU."""
    try:
        jax.devices()
    except RuntimeError as error:
        problem = f"jax {jax.__version__} finds no device '{request['device']}' ({error})"
        raise PeerError(problem, "jax[cuda13]") from error
    rounding = {"float32": "highest", "tf32": "tensorfloat32"}.get(request["precision"])
    if request["device"] == "cuda" and rounding:
        jax.config.update("jax_default_matmul_precision", rounding)


def make(request, state):
    """Returns the version, the step of a workload and its clock. JAX has no events, so the host times a GPU, too."""
    require_device(request)
    problem = Problem(request)
    arrays = arrays_of(state)
    x, y = (jnp.asarray(arrays.pop(name)) for name in ("x", "y"))
    buffers = {k: jnp.asarray(np.float32(a)) for k, a in arrays.items() if k.endswith(BUFFERS)}
    names = [k for k in arrays if k not in buffers]
    shapes = [arrays[k].shape for k in names]
    ends = np.cumsum([arrays[k].size for k in names])

    def program(theta, first, second, count, buffers, x, y):
        parts = jnp.split(theta, ends[:-1])
        p = {name: part.reshape(shape) for name, part, shape in zip(names, parts, shapes)}
        loss, gradients, buffers = problem.gradients(p, buffers, x, y)
        g = jnp.concatenate([gradients[name].reshape(-1) for name in names])
        if problem.clip:
            g = g * jnp.minimum(1, problem.clip / (jnp.sqrt(jnp.sum(g * g)) + 1e-6))
        count = count + 1
        first, second = BETA1 * first + (1 - BETA1) * g, BETA2 * second + (1 - BETA2) * g * g
        size = jnp.sqrt(second / (1 - BETA2 ** count)) + problem.eps
        theta = theta - LEARNING_RATE * (first / (1 - BETA1 ** count)) / size
        return (theta, first, second, count, buffers), loss
    program = jax.jit(program, donate_argnums=(0, 1, 2, 3, 4))
    theta = jnp.concatenate([jnp.asarray(arrays[k]).reshape(-1) for k in names])
    kept = [(theta, jnp.zeros_like(theta), jnp.zeros_like(theta), jnp.float32(0), buffers)]

    def step():
        kept[0], loss = program(*kept[0], x, y)
        return jax.block_until_ready(loss)
    return f"jax {jax.__version__}", step, HostClock()
