// Products with W by frequency, and their gradients with respect to the kernels that define W.
#include "solvers/monotone/frequency_convolution.h"

#include "kernels/gemm/gemm_batched.h"
#include "solvers/monotone/splitting.h"

namespace stillpoint {
namespace {

// The gradient of <u, W z> with respect to the planes of W, given both by frequency.
Tensor planes_gradient(const FrequencyGrid& grid, const Tensor& u, const Tensor& z) {
  const Index c = z.dim(2), samples = z.dim(3), count = grid.count();
  const Tensor products = Tensor::empty({count, 2 * c, 2 * c}, z.options());
  kernels::gemm_batched({count,
                         {.m = 2 * c, .n = 2 * c, .k = samples, .transpose_b = true},
                         2 * c * samples,
                         2 * c * samples,
                         4 * c * c},
                        u.array(), z.array(), products.array());
  const Tensor planes = Tensor::empty({count, 2, c, c}, z.options());
  kernels::correlation_planes(grid.half(), c, products.array(), planes.array());
  return planes;
}

// If G is the gradient of W, the gradient of A is -A (G + G^H).
Tensor gradient_of_a(const ConvolutionFrequencies& w, const Tensor& g) {
  const Tensor sum = Tensor::empty(g.shape(), g.options());
  kernels::hermitian_sum(g.dim(3), -1, g.array(), sum.array());
  return w.grid.kernel_adjoint(product_planes(w.a_blocks, sum, false));
}

}  // namespace

Tensor product_planes(const Tensor& a_blocks, const Tensor& b_planes, bool adjoint_a) {
  const Index m = a_blocks.dim(adjoint_a ? 2 : 1), k = a_blocks.dim(adjoint_a ? 1 : 2), n = b_planes.dim(3);
  const Tensor y = Tensor::empty({b_planes.dim(0), 2, m / 2, n}, b_planes.options());
  kernels::gemm_batched(
      {b_planes.dim(0), {.m = m, .n = n, .k = k, .transpose_a = adjoint_a}, m * k, k * n, m * n},
      a_blocks.array(), b_planes.array(), y.array());
  return y;
}

ConvolutionFrequencies::ConvolutionFrequencies(const FrequencyGrid& images, const Tensor& a, const Tensor& s,
                                               double m)
    : grid(images) {
  const Tensor planes = grid.kernel(a);
  a_blocks = frequency_blocks(planes);
  w_planes = product_planes(a_blocks, planes, true);
  kernels::sum_blocks(w_planes.dim(3), {1 - m, -1, 1}, grid.kernel(s).array(), w_planes.array());
  w_blocks = frequency_blocks(w_planes);
}

Tensor ConvolutionFrequencies::product(const Tensor& z, bool transposed) const {
  return grid.inverse(frequency_product(w_blocks, grid.forward(z), {transposed}));
}

Tensor frequency_convolution(const std::shared_ptr<const ConvolutionFrequencies>& w, const Tensor& z,
                             const Tensor& a, const Tensor& s) {
  const Tensor y = from_places(w->product(to_places(z), false), z.shape());
  return record(y, "frequency_convolution", {z, a, s}, [w](const VjpContext& c) {
    require(!Recording::on(),
            "frequency_convolution: given a second derivative, expected a first one, use conv2d for others");
    const Tensor u = w->grid.forward(to_places(c.g));
    std::vector<Tensor> gradients(3);
    if (c.wants(0))
      gradients[0] = from_places(w->grid.inverse(frequency_product(w->w_blocks, u, {true})), c.g.shape());
    if (!c.wants(1) && !c.wants(2)) return gradients;
    const Tensor g = planes_gradient(w->grid, u, w->grid.forward(to_places(c.inputs[0])));
    if (c.wants(1)) gradients[1] = gradient_of_a(*w, g);
    if (c.wants(2)) gradients[2] = w->grid.kernel_adjoint(g);
    return gradients;
  });
}

}  // namespace stillpoint
