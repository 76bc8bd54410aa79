// Builds the inverses per frequency, and solves for the tiers by block substitution.
#include "solvers/monotone/monotone_inverse.h"

#include <cmath>

#include "engine/ops.h"
#include "kernels/gemm/gemm_batched.h"
#include "kernels/monotone/complex_inverse.h"

namespace stillpoint {
namespace {

// y = w x, or w^T x if transposed, for x (1,n,N).
Tensor dense_product(const Tensor& w, const Tensor& x, bool transposed) {
  const Tensor y = Tensor::empty(x.shape(), x.options());
  const Index n = x.dim(1);
  kernels::gemm_batched({1, {.m = n, .n = x.dim(2), .k = n, .transpose_a = transposed}, 0, 0, 0}, w.array(),
                        x.array(), y.array());
  return y;
}

// a b, or a b^T, per frequency, for real blocks.
Tensor block_product(const Tensor& a, const Tensor& b, bool transpose_b) {
  const Index m = a.dim(1), k = a.dim(2), n = b.dim(transpose_b ? 1 : 2);
  const Tensor y = Tensor::empty({a.dim(0), m, n}, a.options());
  kernels::gemm_batched({a.dim(0), {m, n, k, false, transpose_b, false}, m * k, k * n, m * n}, a.array(),
                        b.array(), y.array());
  return y;
}

Tensor inverse_blocks(const Tensor& planes) {
  kernels::complex_inverse(planes.dim(3), planes.array());
  return frequency_blocks(planes);
}

// Puts (side side,C,N) into (to to,C,N) with zeros below and to the right; cut() does the opposite.
Tensor enlarged(const Tensor& z, Index side, Index to) {
  const Index width = z.dim(1) * z.dim(2);
  return reshape(pad(reshape(z, {side, side, width}), {0, 0, 0}, {to, to, width}),
                 {to * to, z.dim(1), z.dim(2)});
}
Tensor cut(const Tensor& z, Index side, Index to) {
  const Index width = z.dim(1) * z.dim(2);
  return reshape(slice(reshape(z, {side, side, width}), {0, 0, 0}, {to, to, width}),
                 {to * to, z.dim(1), z.dim(2)});
}

Tensor folded(const FrequencyGrid& fine, const FrequencyGrid& coarse, double scale, const Tensor& x) {
  const Tensor y = Tensor::empty({coarse.count(), 2, x.dim(2), x.dim(3)}, x.options());
  kernels::fold_aliases(fine.half(), x.dim(2) * x.dim(3), scale, x.array(), y.array());
  return y;
}
Tensor tiled(const FrequencyGrid& fine, double scale, const Tensor& y) {
  const Tensor x = Tensor::empty({fine.count(), 2, y.dim(2), y.dim(3)}, y.options());
  kernels::tile_aliases(fine.half(), y.dim(2) * y.dim(3), scale, y.array(), x.array());
  return x;
}

}  // namespace

DenseOperator::DenseOperator(const Tensor& w, const ResolventOptions& options) : w_(w.detach()) {
  if (!options.resolvent) return;
  const Recording off(false);
  const Index n = w.dim(0);
  const Tensor planes = pad(reshape(w_, {1, 1, n, n}), {0, 0, 0, 0}, {1, 2, n, n});
  kernels::sum_blocks(n, {1 + options.alpha, -options.alpha, 0}, {}, planes.array());
  kernels::complex_inverse(n, planes.array());
  v_ = reshape(slice(planes, {0, 0, 0, 0}, {1, 1, n, n}), {n, n});
}

Parts DenseOperator::apply(const Parts& z, bool transposed) const {
  return {dense_product(w_, z[0], transposed)};
}
Parts DenseOperator::resolve(const Parts& r, bool transposed) const {
  return {dense_product(v_, r[0], transposed)};
}

ConvolutionOperator::ConvolutionOperator(
    const std::vector<std::shared_ptr<const ConvolutionFrequencies>>& frequencies,
    const std::vector<TierKernels>& kernels, const std::vector<FrequencyGrid>& halves, MonotoneProduct w,
    const ResolventOptions& options)
    : single_(frequencies.size() == 1 ? frequencies[0] : nullptr), w_(std::move(w)), alpha_(options.alpha) {
  const Recording off(false);
  const double a = options.alpha;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    Tier tier{frequencies[i]->grid, {}, frequencies[i]->a_blocks, {}, {}, {}};
    if (options.resolvent) {
      const Tensor inverse = affine(frequencies[i]->w_planes, -a, 0);
      kernels::sum_blocks(inverse.dim(3), {1 + a, 1, 0}, {}, inverse.array());
      tier.v = inverse_blocks(inverse);
    }
    if (options.resolvent && kernels[i].down.defined()) {
      tier.half = halves[i];
      const Index c = kernels[i].down.dim(0);
      tier.p = frequency_blocks(tier.grid.kernel(affine(kernels[i].down.detach(), std::sqrt(a), 0)));
      const Tensor pvp = block_product(tier.p, block_product(tier.v, tier.p, true), false);
      const Tensor h = Tensor::empty({tier.half.count(), 2, c, c}, pvp.options());
      kernels::fold_gram(tier.grid.half(), c, pvp.array(), h.array());
      tier.h = inverse_blocks(h);
    }
    tiers_.push_back(std::move(tier));
  }
}

Parts ConvolutionOperator::apply(const Parts& z, bool transposed) const {
  if (single_ != nullptr) return {single_->product(z[0], transposed)};
  return product_by_map(w_.product, z, w_.shapes, transposed);
}

// x = v (r - P^H tile(y) / 2) with y = h fold(P v r) / 2. D x by frequency is then y / (2 sqrt(a)).
ConvolutionOperator::Coupled ConvolutionOperator::resolve_tier(const Tier& tier, const Tensor& r,
                                                               bool transposed) const {
  const Tensor x = frequency_product(tier.v, r, {transposed});
  if (!tier.p.defined()) return {x, {}};
  const Tensor y = frequency_product(tier.h, folded(tier.grid, tier.half, 0.5, frequency_product(tier.p, x)),
                                     {transposed});
  add_frequency_product(tier.p, tiled(tier.grid, -0.5, y), r, {true});
  return {frequency_product(tier.v, r, {transposed}), y};
}

Parts ConvolutionOperator::resolve_forward(const Parts& r) const {
  Parts x;
  Tensor coarse;
  for (std::size_t i = 0; i < tiers_.size(); ++i) {
    const Tier& tier = tiers_[i];
    const Tensor frequencies = tier.grid.forward(r[i]);
    if (i > 0) {  // adds - 2 a A^T D x of the tier before
      const Tensor d = affine(tiers_[i - 1].half.inverse(coarse), -std::sqrt(alpha_), 0);
      add_frequency_product(tier.a,
                            tier.grid.forward(enlarged(d, tiers_[i - 1].half.side(), tier.grid.side())),
                            frequencies, {true});
    }
    const Coupled solved = resolve_tier(tier, frequencies, false);
    coarse = solved.coarse;
    x.push_back(tier.grid.inverse(solved.x));
  }
  return x;
}

Parts ConvolutionOperator::resolve_transposed(const Parts& r) const {
  Parts x(tiers_.size());
  Tensor finer;  // A x of the tier after, by frequency
  for (std::size_t i = tiers_.size(); i-- > 0;) {
    const Tier& tier = tiers_[i];
    const Tensor frequencies = tier.grid.forward(r[i]);
    if (i + 1 < tiers_.size()) {  // adds - 2 a D^T A x of the tier after
      const FrequencyGrid& next = tiers_[i + 1].grid;
      const Tensor d = tier.half.forward(cut(next.inverse(finer), next.side(), tier.half.side()));
      add_frequency_product(tier.p, tiled(tier.grid, -2 * std::sqrt(alpha_), d), frequencies, {true});
    }
    const Tensor solved = resolve_tier(tier, frequencies, true).x;
    if (i > 0) finer = frequency_product(tier.a, solved);
    x[i] = tier.grid.inverse(solved);
  }
  return x;
}

Parts ConvolutionOperator::resolve(const Parts& r, bool transposed) const {
  require(tiers_[0].v.defined(),
          "monotone_inverse: given an operator without a resolvent, expected one, use "
          "peaceman-rachford when making it");
  const Recording off(false);
  return transposed ? resolve_transposed(r) : resolve_forward(r);
}

}  // namespace stillpoint
