// Bodies of the element-wise kernels and their dispatch by type.
#include "kernels/elementwise/elementwise.h"

#include "kernels/launch/stream.h"

namespace stillpoint::kernels {
namespace {

struct Negate {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return -x;
  }
};
struct Absolute {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return x < T(0) ? -x : x + T(0);  // |-0| = 0
  }
};
struct Sign {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return T(x > T(0)) - T(x < T(0));
  }
};
// 1 / (1 + exp(-x)) with an argument of exp that is never positive: it keeps its digits on both sides.
struct Sigmoid {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    const T small = exponential(x < T(0) ? x : -x);
    return (x < T(0) ? small : T(1)) / (T(1) + small);
  }
};
// A NaN stays a NaN.
struct Relu {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return x < T(0) ? T(0) : x;
  }
};
struct Exponential {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return exponential(x);
  }
};
struct Logarithm {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return logarithm(x);
  }
};
struct SquareRoot {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return square_root(x);
  }
};
struct Reciprocal {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return T(1) / x;
  }
};
struct Sine {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return sine(x);
  }
};
struct Cosine {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return cosine(x);
  }
};
struct Tanh {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return hyperbolic_tangent(x);
  }
};
struct Square {
  template <class T>
  STILLPOINT_HD static T of(T x) {
    return x * x;
  }
};
struct Add {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return a + b;
  }
};
struct Subtract {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return a - b;
  }
};
struct Multiply {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return a * b;
  }
};
struct Divide {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return a / b;
  }
};
struct Maximum {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return a < b || b != b ? b : a;  // NOLINT(misc-redundant-expression)
  }
};
struct Minimum {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return b < a || b != b ? b : a;  // NOLINT(misc-redundant-expression)
  }
};
struct Greater {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return a > b ? T(1) : T(0);
  }
};
struct Gate {
  template <class T>
  STILLPOINT_HD static T of(T a, T b) {
    return a * (b > T(0) ? T(1) : T(0));
  }
};

template <class F, class T>
struct Map {
  const T* x;
  T* y;
  STILLPOINT_HD void operator()(Index i) const { y[i] = F::of(x[i]); }
};
template <class F, class T>
struct Zip {
  const T *a, *b;
  T* y;
  STILLPOINT_HD T value(Index i) const { return F::of(a[i], b[i]); }
};
template <class T>
struct Select {
  const T *condition, *a, *b;
  T* y;
  STILLPOINT_HD T value(Index i) const {
    const T yes = a[i], no = b[i];
    return condition[i] != T(0) ? yes : no;
  }
};
template <class T>
struct Affine {
  const T* x;
  T* y;
  T alpha, beta;
  STILLPOINT_HD T value(Index i) const { return alpha * x[i] + beta; }
};
template <class T>
struct Fill {
  T* y;
  T value;
  STILLPOINT_HD void operator()(Index i) const { y[i] = value; }
};
template <class From, class To>
struct Cast {
  const From* x;
  To* y;
  STILLPOINT_HD To value(Index i) const { return To(x[i]); }
};

template <class F>
void map(const Array& x, const Array& y) {
  dispatch_real(y.dtype, "unary", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, Map<F, T>{x.as<T>(), y.as<T>()});
  });
}

template <class F>
void zip(const Array& a, const Array& b, const Array& y) {
  dispatch_real(y.dtype, "binary", [&](auto zero) {
    using T = decltype(zero);
    assign_each(y.device, y.size, Zip<F, T>{a.as<T>(), b.as<T>(), y.as<T>()});
  });
}

template <class From>
void cast_from(const Array& x, const Array& y) {
  if (y.dtype == DType::int32)
    return assign_each(y.device, y.size, Cast<From, std::int32_t>{x.as<From>(), y.as<std::int32_t>()});
  dispatch_real(y.dtype, "cast", [&](auto zero) {
    using T = decltype(zero);
    assign_each(y.device, y.size, Cast<From, T>{x.as<From>(), y.as<T>()});
  });
}

}  // namespace

void unary(Unary f, const Array& x, const Array& y) {
  switch (f) {
    case Unary::negate:
      return map<Negate>(x, y);
    case Unary::absolute:
      return map<Absolute>(x, y);
    case Unary::sign:
      return map<Sign>(x, y);
    case Unary::sigmoid:
      return map<Sigmoid>(x, y);
    case Unary::relu:
      return map<Relu>(x, y);
    case Unary::exponential:
      return map<Exponential>(x, y);
    case Unary::logarithm:
      return map<Logarithm>(x, y);
    case Unary::square_root:
      return map<SquareRoot>(x, y);
    case Unary::reciprocal:
      return map<Reciprocal>(x, y);
    case Unary::sine:
      return map<Sine>(x, y);
    case Unary::cosine:
      return map<Cosine>(x, y);
    case Unary::tanh:
      return map<Tanh>(x, y);
    case Unary::square:
      return map<Square>(x, y);
  }
}

void binary(Binary f, const Array& a, const Array& b, const Array& y) {
  switch (f) {
    case Binary::add:
      return zip<Add>(a, b, y);
    case Binary::subtract:
      return zip<Subtract>(a, b, y);
    case Binary::multiply:
      return zip<Multiply>(a, b, y);
    case Binary::divide:
      return zip<Divide>(a, b, y);
    case Binary::maximum:
      return zip<Maximum>(a, b, y);
    case Binary::minimum:
      return zip<Minimum>(a, b, y);
    case Binary::greater:
      return zip<Greater>(a, b, y);
    case Binary::gate:
      return zip<Gate>(a, b, y);
  }
}

void select(const Array& condition, const Array& a, const Array& b, const Array& y) {
  dispatch_real(y.dtype, "select", [&](auto zero) {
    using T = decltype(zero);
    assign_each(y.device, y.size, Select<T>{condition.as<T>(), a.as<T>(), b.as<T>(), y.as<T>()});
  });
}

void affine(const Array& x, double alpha, double beta, const Array& y) {
  dispatch_real(y.dtype, "affine", [&](auto zero) {
    using T = decltype(zero);
    assign_each(y.device, y.size, Affine<T>{x.as<T>(), y.as<T>(), T(alpha), T(beta)});
  });
}

void fill(const Array& y, double value) {
  if (y.dtype == DType::int32)
    return each(y.device, y.size, Fill<std::int32_t>{y.as<std::int32_t>(), std::int32_t(value)});
  dispatch_real(y.dtype, "fill", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, Fill<T>{y.as<T>(), T(value)});
  });
}

void cast(const Array& x, const Array& y) {
  if (x.dtype == DType::int32) return cast_from<std::int32_t>(x, y);
  dispatch_real(x.dtype, "cast", [&](auto zero) { cast_from<decltype(zero)>(x, y); });
}

}  // namespace stillpoint::kernels
