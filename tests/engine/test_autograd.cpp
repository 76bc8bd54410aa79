// Tests the graph: repeated vjps, higher orders, what is recorded, errors.
#include <cmath>

#include "engine/cases/op_check.h"
#include "engine/ops.h"
#include "engine/ops/fused_sums.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

Tensor vector_of(std::vector<double> values) {
  const Index n = Index(values.size());
  return Tensor::from(values, {n}, {DType::float64}).variable();
}

}  // namespace

TEST_CASE("one graph answers many vjps", "[autograd]") {
  const Tensor x = vector_of({1, 2, 3});
  const Tensor y = multiply(x, x);
  for (int k = 0; k < 3; ++k) {
    std::vector<double> seed(3, 0);
    seed[std::size_t(k)] = 1;
    const std::vector<double> g = grad(y, {x}, Tensor::from(seed, {3}, {DType::float64}))[0].values();
    for (int i = 0; i < 3; ++i) CHECK(g[std::size_t(i)] == (i == k ? 2.0 * (k + 1) : 0.0));
  }
}

TEST_CASE("derivatives of every order of x^5", "[autograd]") {
  const Tensor x = vector_of({1.5});
  Tensor y = multiply(square(square(x)), x);
  double expected = std::pow(1.5, 5), power = 5;
  for (int order = 0; order < 5; ++order) {
    CHECK(y.item() == Approx(expected).epsilon(1e-12));
    y = grad(y, {x}, {}, {.create_graph = true})[0];
    expected *= power / 1.5;
    power -= 1;
  }
  CHECK(y.item() == Approx(120).epsilon(1e-12));
}

TEST_CASE("a tensor used twice collects both gradients", "[autograd]") {
  const Tensor x = vector_of({2, -1});
  const Tensor y = sum(add(multiply(x, x), affine(x, 3, 0)));
  CHECK(grad(y, {x})[0].values() == std::vector<double>{7, 1});
}

TEST_CASE("each x is announced once, as soon as its gradient is complete", "[autograd]") {
  // y = sum(a (b (a x + c))): the pass reaches the outer a, b and c first, and the inner a and x last.
  const Tensor a = vector_of({2, 3}), b = vector_of({5, -1}), c = vector_of({1, 4}), x = vector_of({7, 2}),
               unused = vector_of({1});
  const Tensor inner = multiply(a, x), shifted = add(inner, c);
  const Tensor y = sum(multiply(a, multiply(b, shifted)));
  const std::vector<Tensor> xs{x, a, b, c, unused, a, shifted};
  const std::vector<Tensor> expected = grad(y, xs, {}, {.allow_unused = true});
  std::vector<std::size_t> order;
  std::size_t returned = 0;
  const std::vector<Tensor> gradients =
      grad(y, xs, {}, {.allow_unused = true, .on_ready = [&](std::size_t i, const Tensor& g) {
                         CHECK(returned == 0);
                         CHECK(g.values() == expected[i].values());
                         order.push_back(i);
                       }});
  ++returned;
  for (std::size_t i = 0; i < xs.size(); ++i) CHECK(gradients[i].values() == expected[i].values());
  CHECK(order == std::vector<std::size_t>{2, 6, 3, 1, 5, 0, 4});
}

TEST_CASE("an output that is its own x is announced at the end", "[autograd]") {
  const Tensor x = vector_of({2}), y = multiply(x, x);
  std::vector<std::size_t> order;
  grad(y, {y, x}, {}, {.on_ready = [&](std::size_t i, const Tensor&) { order.push_back(i); }});
  CHECK(order == std::vector<std::size_t>{1, 0});
}

TEST_CASE("gradients of an inner result", "[autograd]") {
  const Tensor x = vector_of({2});
  const Tensor z = square(x), y = square(z);
  const std::vector<Tensor> g = grad(y, {z, x});
  CHECK(g[0].item() == 8);
  CHECK(g[1].item() == 32);
}

TEST_CASE("what a caller adds to a gradient reaches that gradient only", "[autograd]") {
  const Tensor x = reshape(vector_of({1, 2, 4, -3, 0, 5}), {2, 3}).variable(), unused = vector_of({7});
  const Tensor z = square(x), y = layer_norm(z) + z;
  const Tensor seed = affine(x.detach(), 0.5, 1), term = affine(x.detach(), -2, 3);
  const std::vector<Tensor> plain = grad(y, {z, x}, seed);
  CHECK(grad_plus(y, z, seed, term).values() == add(plain[0], term).values());
  CHECK(grad_plus(y, x, seed, term).values() == add(plain[1], term).values());
  CHECK(grad_plus(y, unused, seed, unused).values() == unused.values());
  // The backward kernel of layer norm adds both the other path's gradient and the caller's term.
  const Tensor leaf = z.variable(), sum = add(plain[0], term);
  const std::vector<double> found = grad_plus(layer_norm(leaf) + leaf, leaf, seed, term).values();
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(sum.values()[i]).epsilon(1e-12));
  CHECK_THAT(error_text([&] { grad_plus(y, z, seed, unused); }), mentions("grad_plus: ", "(2, 3)", "(1)"));
}

TEST_CASE("nothing is recorded while recording is off", "[autograd]") {
  const Tensor x = vector_of({2});
  const Recording off(false);
  CHECK_FALSE(square(x).requires_grad());
  const Recording on(true);
  CHECK(square(x).requires_grad());
}

TEST_CASE("a chain of a hundred thousand ops is recorded, differentiated and released", "[autograd]") {
  const Tensor x = vector_of({1});
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = negate(y);
  CHECK(grad(y, {x})[0].item() == 1);
}

TEST_CASE("gradients that cannot be had are errors that say what to do", "[autograd]") {
  const Tensor x = vector_of({1, 2}), other = vector_of({1});
  CHECK_THAT(error_text([&] { grad(x.detach(), {x}); }), mentions("grad", "unrecorded", "variable()"));
  CHECK_THAT(error_text([&] { grad(square(x), {x}); }), mentions("grad", "(2)", "seed"));
  CHECK_THAT(error_text([&] { grad(sum(x), {other}); }), mentions("grad", "does not depend", "allow_unused"));
  CHECK_THAT(error_text([&] { grad(square(x), {x}, other); }), mentions("grad", "(1)", "(2)"));
  CHECK(grad(sum(x), {other}, {}, {.create_graph = false, .allow_unused = true})[0].values() ==
        std::vector<double>{0});
}

TEST_CASE("a check of the op table fails for a wrong value, a wrong size and a NaN", "[ops]") {
  const auto row = [](std::vector<double> oracle) {
    return OpCase{
        .name = "relu",
        .inputs = {{{3}, Draw::positive}},
        .op = [](const auto& x) { return relu(x[0]); },
        .oracle = [oracle](const std::vector<Values>& x) { return oracle.empty() ? x[0] : oracle; }};
  };
  CHECK(check_values(row({}), Device::cpu)[0].passed());
  CHECK_FALSE(check_values(row({1, 2, 3}), Device::cpu)[0].passed());
  CHECK_FALSE(check_values(row({1}), Device::cpu)[0].passed());
  CHECK_FALSE(check_values(row({NAN, NAN, NAN}), Device::cpu)[1].passed());
}

TEST_CASE("operands that do not fit are errors that name the op and the shapes", "[autograd]") {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({4, 5});
  CHECK_THAT(error_text([&] { add(a, b); }), mentions("add", "(2, 3)", "(4, 5)"));
  CHECK_THAT(error_text([&] { matmul(a, b); }), mentions("matmul", "(2, 3)", "(4, 5)"));
  CHECK_THAT(error_text([&] { add(a, a.to(DType::float64)); }), mentions("add", "float32", "float64"));
  CHECK_THAT(error_text([&] { reshape(a, {4, -1}); }), mentions("reshape", "(2, 3)"));
  CHECK_THAT(error_text([&] { slice(a, {0, 0}, {3, 3}); }), mentions("slice", "axis 0"));
  CHECK_THAT(error_text([&] { concat({a, b}, 2); }), mentions("concat", "given axis 2"));
  CHECK_THAT(error_text([&] { concat({a, b}, 0); }), mentions("concat", "expected"));
  CHECK_THAT(error_text([&] { stack({}); }), mentions("stack", "given no tensors"));
  CHECK_THAT(error_text([&] { clamp(a, 1, 0); }), mentions("clamp", "1 and 0"));
  CHECK_THAT(error_text([&] { gather(a, Tensor::zeros({3, 1})); }), mentions("gather", "expected"));
  CHECK_THAT(error_text([&] { argmax(Tensor::zeros({3, 0})); }), mentions("argmax", "given 0"));
  CHECK_THAT(error_text([&] { embedding(a, Tensor::from(std::vector<std::int32_t>{2}, {1})); }),
             mentions("embedding", "given 2 at 0"));
  CHECK_THAT(error_text([&] { Tensor::from(std::vector<double>{1, 2}, {3}); }), mentions("2 values", "(3)"));
  CHECK_THAT(error_text([&] { Tensor().shape(); }), mentions("undefined"));
  CHECK_THAT(error_text([&] { square(a.variable()).assign(a); }), mentions("assign", "square", "leaf"));
}

TEST_CASE("layers whose weights do not fit are errors that name the op and the weight", "[autograd]") {
  const auto zeros = [](const Shape& shape) { return Tensor::zeros(shape); };
  const Tensor x = zeros({4, 3}), w = zeros({5, 3}), wide = Tensor::zeros({5}, {DType::float64});
  CHECK_THAT(error_text([&] { linear(zeros({4, 2}), w, {}); }), mentions("linear", "(4, 2)", "(5, 3)"));
  CHECK_THAT(error_text([&] { linear(x, w, zeros({4})); }), mentions("linear", "b of shape (4)", "(5)"));
  CHECK_THAT(error_text([&] { linear_relu(x, w, wide); }), mentions("linear_relu", "float64"));

  const auto head = [&](const Tensor& in, const std::vector<HeadLayer>& layers) {
    return error_text([&] { sim_head(in, layers); });
  };
  const HeadLayer first{w, zeros({5}), Activation::relu};
  CHECK_THAT(head(x, {}), mentions("sim_head", "no layers"));
  CHECK_THAT(head(zeros({4, 2}), {first}), mentions("sim_head", "(5, 3)", "(5, 2)"));
  CHECK_THAT(head(x, {first, {zeros({2, 6}), {}, Activation::identity}}), mentions("(2, 6)", "(2, 5)"));
  CHECK_THAT(head(x, {{zeros({0, 3}), {}, Activation::identity}}), mentions("(0, 3)", "above 0"));
  CHECK_THAT(head(x, {{w, zeros({4}), Activation::relu}}), mentions("b of shape (4)", "(5)"));
  CHECK_THAT(head(x, {{w, wide, Activation::relu}}), mentions("sim_head", "float64"));

  const Tensor heads = zeros({2, 17}), one = zeros({1, 2});
  CHECK_THAT(error_text([&] {
               relative_attention(zeros({1, 4, 102}), zeros({4, 34}), heads, heads);
             }),
             mentions("relative_attention", "17", "1 to 16"));
  CHECK_THAT(error_text([&] {
               relative_attention(zeros({1, 4, 6}), zeros({3, 2}), one, one);
             }),
             mentions("relative_attention", "r of shape (3, 2)", "(4, 2)"));
}

TEST_CASE("a TCN block whose weights do not fit is an error that names the weight", "[autograd]") {
  const auto text_of = [](const Shape& v1, const auto& change, Conv1dOptions options = {2}) {
    const Index out = v1[0], in = 3;
    Tensor x = Tensor::zeros({2, in, 9});
    TcnBlockParams p{Tensor::zeros(v1),
                     Tensor::zeros({out}),
                     Tensor::zeros({out}),
                     Tensor::zeros({out, out, v1[2]}),
                     Tensor::zeros({out}),
                     Tensor::zeros({out}),
                     {},
                     {}};
    if (in != out) p.down_w = Tensor::zeros({out, in}), p.down_b = Tensor::zeros({out});
    change(x, p);
    return error_text([&] { tcn_block(x, p, options); });
  };
  const auto given = [&](Tensor TcnBlockParams::*member, const Tensor& value) {
    return text_of({4, 3, 3}, [&](Tensor&, TcnBlockParams& p) { p.*member = value; });
  };
  const auto nothing = [](Tensor&, TcnBlockParams&) {};
  CHECK_THAT(text_of({4, 3, 3}, nothing, {0}), mentions("tcn_block", "dilation 0"));
  CHECK_THAT(text_of({4, 3, 0}, nothing), mentions("(4, 3, 0)", "taps"));
  CHECK_THAT(text_of({0, 3, 3}, nothing), mentions("(0, 3, 3)", "channels"));
  CHECK_THAT(text_of({4, 2, 3}, nothing), mentions("v1", "(4, 2, 3)", "(4, 3, 3)"));
  CHECK_THAT(given(&TcnBlockParams::v2, Tensor::zeros({4, 4, 2})), mentions("v2", "(4, 4, 3)"));
  for (const auto member :
       {&TcnBlockParams::g1, &TcnBlockParams::b1, &TcnBlockParams::g2, &TcnBlockParams::b2})
    CHECK_THAT(given(member, Tensor::zeros({5})), mentions("gain or bias", "(5)", "(4)"));
  CHECK_THAT(given(&TcnBlockParams::down_w, Tensor::zeros({4, 2})), mentions("down_w", "(4, 2)"));
  CHECK_THAT(given(&TcnBlockParams::down_b, Tensor::zeros({3})), mentions("down_b", "(3)", "(4)"));
  CHECK_THAT(given(&TcnBlockParams::down_b, Tensor()), mentions("down-sampling", "3 input", "4 output"));
  CHECK_THAT(given(&TcnBlockParams::b2, Tensor::zeros({4}, {DType::float64})), mentions("float64"));
  const auto with_a_map = [](Tensor&, TcnBlockParams& p) {
    p.down_w = Tensor::zeros({3, 3}), p.down_b = Tensor::zeros({3});
  };
  CHECK_THAT(text_of({3, 3, 3}, with_a_map), mentions("down-sampling", "differ"));
  CHECK_THAT(text_of({4, 3, 3},
                     [](Tensor& x, TcnBlockParams&) {
                       x = Tensor::zeros({2, 9});
                     }),
             mentions("tcn_block", "x", "(2, 9)"));
}

TEST_CASE("the pool reuses memory: a repeated graph allocates nothing new", "[autograd]") {
#if !defined(__SANITIZE_ADDRESS__)
  const Tensor x = Tensor::zeros({1000}).variable();
  const auto step = [&] { return grad(sum(square(multiply(x, x))), {x}); };
  step();
  const std::uint64_t before = memory_stats(Device::cpu).system_allocations;
  for (int i = 0; i < 10; ++i) step();
  CHECK(memory_stats(Device::cpu).system_allocations == before);
#else
  WARN("skipped: the pool does not cache under AddressSanitizer");
#endif
}

TEST_CASE("a convolution of no images gives zero gradients of its weights", "[autograd]") {
  const Tensor x = Tensor::zeros({0, 2, 5, 5}), w = Tensor::full({3, 2, 3, 3}, 1).variable(),
               b = Tensor::full({3}, 1).variable();
  for (const Tensor& g : grad(sum(conv2d(x, w, b)), {w, b}))
    for (const double value : g.values()) CHECK(value == 0);
}

TEST_CASE("shapes with more elements than there are numbers are refused", "[autograd]") {
  CHECK_THROWS_AS(Tensor::empty({Index(1) << 62, 16}), Error);
  CHECK_THROWS_AS(Tensor::empty({Index(1) << 61, 2}), Error);
}

TEST_CASE("a tensor prints its values, type, shape and device, and a large one its corners", "[autograd]") {
  const auto printed = [](const Tensor& x) { return text(x); };
  CHECK(printed({}) == "undefined tensor");
  CHECK(printed(Tensor::from({1, -2.5, 1e-9}, {3}, {DType::float64})) ==
        "[    1,  -2.5, 1e-09] float64 (3) on cpu");
  CHECK(printed(Tensor::from(std::vector<std::int32_t>{1, 2, 3, 40}, {1, 2, 2})) ==
        "[[[ 1,  2],\n  [ 3, 40]]] int32 (1, 2, 2) on cpu");
  CHECK(printed(Tensor::zeros({2, 0})) == "[[],\n []] float32 (2, 0) on cpu");
  CHECK(printed(Tensor::full({1, 1, 1, 1, 1, 1, 2}, 3)) == "[3, 3] float32 (1, 1, 1, 1, 1, 1, 2) on cpu");
  std::vector<std::int32_t> counting(2000);
  for (std::size_t i = 0; i < counting.size(); ++i) counting[i] = std::int32_t(i);
  CHECK(printed(Tensor::from(counting, {2, 1000})) ==
        "[[   0,    1,    2, ...,  997,  998,  999],\n [1000, 1001, 1002, ..., 1997, 1998, 1999]] int32 (2, "
        "1000) on cpu");
}

}  // namespace stillpoint
