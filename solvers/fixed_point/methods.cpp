// The methods for z = f(z): Picard, Anderson, Broyden and GMRES.
#include <limits>
#include <optional>

#include "engine/ops.h"
#include "kernels/device/work_graph.h"
#include "kernels/root_solver/broyden_step.h"
#include "kernels/root_solver/history.h"
#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {
namespace {

using kernels::History;

// A method whose iterates take stopped samples along, so that they are put back.
class Proposal : public SolveMethod {
 public:
  Tensor advance(const SolvePoint& at) final {
    kernels::copy_where(at.state.better, at.z.array(), at.best.array());
    const Tensor z = next(at.z, at.f);
    kernels::copy_where(at.state.status, at.z.array(), z.array());
    return z;
  }

 private:
  // Returns a new tensor.
  virtual Tensor next(const Tensor& z, const Tensor& f) = 0;
};

class Picard final : public Proposal {
 public:
  explicit Picard(const PicardOptions& options) : options_(options) {}
  Tensor next(const Tensor& z, const Tensor& f) override {
    return options_.damping == 1 ? clone(f) : damped(z, f, options_.damping);
  }

 private:
  PicardOptions options_;
};

// A history of up to `capacity` states of the size of z, one row each, per sample.
struct Rows {
  Tensor rows;
  Index count = 0;

  // In a graph the rows begin as zeros, which those of skipped steps stay.
  void reserve(const Tensor& z, Index capacity) {
    if (rows.defined()) return;
    const Shape shape{z.dim(0), capacity, z.size() / z.dim(0)};
    rows = kernels::prepares_graph() ? Tensor::zeros(shape, z.options()) : Tensor::empty(shape, z.options());
  }
  History history() const { return {rows.array(), rows.dim(0), rows.dim(1), rows.dim(2), count}; }
  Array row(Index k) const { return kernels::row_of(history(), k).rows; }
  Index stride() const { return rows.dim(1) * rows.dim(2); }
  Tensor products(const Tensor& x) const {
    const Tensor y = Tensor::empty({rows.dim(0), count}, x.options());
    kernels::history_products(history(), x.array(), y.array());
    return y;
  }
  void set(Index k, const Tensor& x) const {
    History none = history();
    none.count = 0;
    kernels::history_sum(none, {nullptr, 0, x.dtype(), x.device()}, x.array(), row(k), {.stride = stride()});
  }
};

// a . b per sample
Tensor dots(const Tensor& a, const Tensor& b) {
  const Index samples = a.dim(0), width = a.size() / samples;
  const Tensor y = Tensor::empty({samples}, a.options());
  kernels::history_products({a.array(), samples, 1, width, 1}, b.array(), y.array());
  return y;
}

// Keeps X_i and G_i = f(X_i) - X_i in rows i < count, and the Gram matrix of the G_i.
class Anderson final : public Proposal {
 public:
  explicit Anderson(const AndersonOptions& options) : options_(options) {
    require(options.memory > 0 && options.memory <= kernels::most_anderson_rows,
            "anderson: given a memory of ", options.memory, ", expected 1 to ", kernels::most_anderson_rows,
            ", change it");
  }
  Tensor next(const Tensor& z, const Tensor& f) override {
    const Index capacity = options_.memory, slot = seen_++ % capacity;
    x_.reserve(z, capacity);
    g_.reserve(z, capacity);
    if (!gram_.defined()) gram_ = Tensor::zeros({z.dim(0), capacity, capacity}, z.options());
    const Tensor g = f - z;
    x_.set(slot, z);
    g_.set(slot, g);
    x_.count = g_.count = std::min(seen_, capacity);
    const kernels::AndersonSystem system{z.dim(0),         capacity, g_.count, slot, options_.regularisation,
                                         options_.relative};
    kernels::set_gram_row(g_.products(g).array(), system, slot, gram_.array());
    const Tensor alpha = Tensor::empty({z.dim(0), g_.count}, z.options()),
                 next = Tensor::empty(z.shape(), z.options());
    kernels::anderson_weights(gram_.array(), system, alpha.array());
    kernels::history_sum(x_.history(), alpha.array(), z.array(), next.array(), {.alpha = 0});
    kernels::history_sum(g_.history(), alpha.array(), next.array(), next.array(), {.beta = options_.beta});
    return next;
  }

 private:
  AndersonOptions options_;
  Rows x_, g_;
  Tensor gram_;
  Index seen_ = 0;
};

// The state of the line search of each sample.
struct Search {
  Tensor from, start, scale, last_scale, last_squares, taken;

  explicit Search(const Tensor& z) : from(clone(z)) {
    const Shape samples{z.dim(0)};
    start = Tensor::full(samples, std::numeric_limits<double>::infinity(), z.options());
    scale = Tensor::full(samples, 1, z.options());
    last_scale = Tensor::zeros(samples, z.options());
    last_squares = Tensor::zeros(samples, z.options());
    taken = Tensor::zeros(samples, z.options());
  }
  kernels::LineSearch arrays() const {
    return {from.array(),       start.array(),        scale.array(),
            last_scale.array(), last_squares.array(), taken.array()};
  }
};

// g = f(z) - z, B = -I + U V^T, directions p = -B g, steps t p. With v = p^T B and dg = g' - g, Broyden's
// u = (t p - B dg) / (v . dg) equals (q - (1 - t) p) / (v . g' + p . p) with q = -B g' = g' - U (V g'),
// because p = -B g. A step therefore reads every row only twice.
class Broyden final : public SolveMethod {
 public:
  explicit Broyden(const BroydenOptions& options) : options_(options) {
    require(options.memory > 0, "broyden: given a memory of ", options.memory,
            ", expected at least 1, change it");
  }
  void judge(const SolvePoint& at) override {
    if (at.last) return SolveMethod::judge(at);
    u_.reserve(at.z, options_.memory);
    v_.reserve(at.z, options_.memory);
    if (!p_.defined() || u_.count == options_.memory) {
      p_ = Tensor();
      u_.count = v_.count = 0;
      if (options_.line_search) search_.emplace(at.z);
    }
    products_ = Tensor::empty({at.z.dim(0), 2 * u_.count + 2}, at.z.options());
    kernels::broyden_judge(step(at), at.step, at.rule, at.state, at.trace);
  }
  // A row of u and v is counted when it is complete.
  Tensor advance(const SolvePoint& at) override {
    const Tensor p = Tensor::empty(at.z.shape(), at.z.options()),
                 z = Tensor::empty(at.z.shape(), at.z.options());
    kernels::broyden_move(step(at), at.state, {at.best.array(), p.array(), z.array()});
    if (p_.defined()) v_.count = ++u_.count;
    p_ = p;
    return z;
  }
  // -B^T g = g - V (U^T g)
  Tensor adjoint_estimate(const Tensor& g) const override {
    const Recording off(false);
    const Tensor estimate = Tensor::empty(g.shape(), g.options());
    if (u_.count == 0) return clone(g);
    kernels::history_sum(v_.history(), u_.products(g).array(), g.array(), estimate.array(), {.beta = -1});
    return estimate;
  }

 private:
  kernels::BroydenStep step(const SolvePoint& at) const {
    kernels::BroydenStep step{.z = at.z.array(), .f = at.f.array(), .products = products_.array()};
    if (p_.defined()) {
      step.p = p_.array();
      step.u = u_.history();
      step.v = v_.history();
    }
    if (search_) step.search = search_->arrays();
    return step;
  }

  BroydenOptions options_;
  Rows u_, v_;
  Tensor p_, products_;  // p_ is undefined before the first direction since the latest start
  std::optional<Search> search_;
};

// r = f(u) - u = g - (I - A) u. Directions p_i and q_i = (I - A) p_i; the q_i are orthonormal. The residual
// at u + r is r - (I - A) r, which yields q for the direction p = r. u and r then move by (r . q_i) along p_i
// and -q_i.
class Gmres final : public Proposal {
 public:
  explicit Gmres(const GmresOptions& options) : options_(options) {
    require(options.memory > 0, "gmres: given a memory of ", options.memory,
            ", expected at least 1, change it");
  }
  Tensor next(const Tensor& z, const Tensor& f) override {
    const Tensor residual = f - z;
    if (!r_.defined() || p_.count == options_.memory) {
      p_.count = q_.count = 0;
      u_ = z;
      r_ = residual;
    } else {
      p_.reserve(z, options_.memory);
      q_.reserve(z, options_.memory);
      advance(residual);
    }
    return u_ + r_;
  }

 private:
  void advance(const Tensor& residual) {
    Tensor p = r_, q = r_ - residual;
    for (int pass = 0; pass < 2; ++pass) {  // two passes make q orthogonal up to rounding
      const Tensor c = q_.products(q);
      p = moved(p_.history(), c, p, -1);
      q = moved(q_.history(), c, q, -1);
    }
    const Index k = q_.count;
    // 1e-30 avoids a division by zero if the residual is zero.
    const Tensor column = reshape(reciprocal(affine(square_root(dots(q, q)), 1, 1e-30)), {-1, 1});
    set_scaled(p_, k, p, column);
    set_scaled(q_, k, q, column);
    p_.count = q_.count = k + 1;
    const Tensor along = Tensor::empty({r_.dim(0), 1}, r_.options());
    const History new_p = kernels::row_of(p_.history(), k), new_q = kernels::row_of(q_.history(), k);
    kernels::history_products(new_q, r_.array(), along.array());
    u_ = moved(new_p, along, u_, 1);
    r_ = moved(new_q, along, r_, -1);
  }
  static Tensor moved(const History& rows, const Tensor& c, const Tensor& x, double beta) {
    const Tensor y = Tensor::empty(x.shape(), x.options());
    kernels::history_sum(rows, c.array(), x.array(), y.array(), {.beta = beta});
    return y;
  }
  // Row k = c x per sample.
  static void set_scaled(const Rows& rows, Index k, const Tensor& x, const Tensor& c) {
    kernels::history_sum({x.array(), x.dim(0), 1, x.size() / x.dim(0), 1}, c.array(), x.array(), rows.row(k),
                         {.alpha = 0, .stride = rows.stride()});
  }

  GmresOptions options_;
  Rows p_, q_;
  Tensor u_, r_;
};

}  // namespace

Tensor damped(const Tensor& z, const Tensor& f, double b) {
  return b == 1 ? f : affine(z, 1 - b, 0) + affine(f, b, 0);
}

std::unique_ptr<SolveMethod> picard(const PicardOptions& options) {
  return std::make_unique<Picard>(options);
}
std::unique_ptr<SolveMethod> anderson(const AndersonOptions& options) {
  return std::make_unique<Anderson>(options);
}
std::unique_ptr<SolveMethod> broyden(const BroydenOptions& options) {
  return std::make_unique<Broyden>(options);
}
std::unique_ptr<SolveMethod> gmres(const GmresOptions& options) { return std::make_unique<Gmres>(options); }

}  // namespace stillpoint
