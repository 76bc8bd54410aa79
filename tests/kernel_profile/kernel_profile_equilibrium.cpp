// Profiles the kernels of equilibrium models: the DEQ-Transformer's cell, the root solvers, operator
// splitting and the frequencies of monotone convolutions.
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/monotone/complex_inverse.h"
#include "kernels/monotone/frequencies.h"
#include "kernels/monotone/splitting_steps.h"
#include "kernels/relative_attention/relative_attention_cuda.h"
#include "kernels/root_solver/broyden_step.h"
#include "kernels/root_solver/history.h"
#include "kernels/root_solver/reversible_step.h"
#include "kernels/root_solver/root_state.h"
#include "kernels/root_solver/solver_chunk.h"
#include "tests/kernel_profile/kernel_profile_arrays.h"
#include "tests/kernel_profile/kernel_profile_cases.h"

namespace stillpoint::profile {

using namespace kernels;

void record_deq_cell(Recorder& recorder) {
  Arrays arrays;
  const RelativeAttentionShape s{1, 520, 8, 5};
  const std::int64_t d = s.heads * s.features, out = s.length * d, norms = s.heads * s.length;
  const RelativeAttentionInputs in{arrays.drawn(3 * out), arrays.drawn(out), arrays.drawn(d),
                                   arrays.drawn(d)},
      grads{arrays.result(3 * out), arrays.result(out), arrays.result(d), arrays.result(d)};
  const Array y = arrays.result(out), log_sum = arrays.result(norms), dy = arrays.drawn(out);
  recorder.run("(1, 520, 8, 5)", [&] {
    relative_attention_forward_cuda(s, in, y, log_sum);
    relative_attention_backward_cuda(s, in, y, log_sum, dy, grads);
  });
  const double read = double(4 * out + 2 * d), saved = double(2 * out + norms);
  // Each warp has a set of both biases' partial gradients, (heads, warps, features).
  const double warps = 4 * recorder.blocks("relative_attention_dr<5>");
  const double sums = warps * double(s.features);
  recorder.row("relative_attention_query_tile<5>", read + double(out + norms));
  recorder.row("relative_attention_dqkv<5>", read + saved + double(3 * out) + sums);
  recorder.row("relative_attention_dr<5>", read + saved + double(out) + sums);
  recorder.row("each_warp_row<BiasTotal>", 2 * (sums + double(d)));

  const Array x = arrays.drawn(out), value = arrays.result(out), inverse = arrays.result(s.length),
              dx = arrays.result(out);
  recorder.run("520 x 40", [&] {
    layer_norm(d, x, value, inverse);
    layer_norm_backward(d, value, inverse, dy, dx);
  });
  recorder.row("each_warp_row<LayerNorm>", double(2 * out + s.length));
  recorder.row("each_warp_row<LayerNormBackward>", double(3 * out + s.length));
}

namespace {

constexpr std::int64_t deq_width = 520 * 40, deq_chunks = (deq_width + solver_chunk - 1) / solver_chunk;

// x, y and `to` are samples.
RootState record_judges(Recorder& recorder, Arrays& arrays, const Array& x, const Array& y, const Array& to,
                        const Array& trace) {
  const Array lowest = arrays.positive(2), first = arrays.drawn(1), ones = arrays.drawn(1);
  const Array status = arrays.labels(1, 1), steps = arrays.labels(1, 1), better = arrays.labels(1, 1);
  const RootState state{lowest, first, status, steps, better};
  recorder.run("one sample of 20,800", [&] {
    judge_residuals(x, y, 2, {false, 0, 1e5}, state, trace);
    copy_where(ones, x, to);
  });
  recorder.row("each_warp_row<ResidualSums>", double(2 * deq_width + 2 * deq_chunks));
  recorder.row("each_warp_row<JudgeResidual>", double(2 * deq_chunks) + 11);
  recorder.row("each_warp_row<CopyWhere>", double(2 * deq_width) + 1);
  return state;
}

// `rows` holds count + 1 rows.
void record_broyden(Recorder& recorder, Arrays& arrays, const Array& rows, std::int64_t count,
                    const RootState& state, const Array& next, const Array& trace) {
  const History u{rows, 1, count + 1, deq_width, count - 1},
      v{arrays.drawn((count + 1) * deq_width), 1, count + 1, deq_width, count - 1};
  const double n = double(deq_width), chunks = double(deq_chunks), kept_rows = double(count - 1);
  // The residual is lower than any before, so that z becomes the best iterate.
  const Array z = arrays.drawn(deq_width, 1e-4), f_of_z = arrays.drawn(deq_width, 1e-4);
  const Array p = arrays.drawn(deq_width), next_p = arrays.result(deq_width), best = arrays.result(deq_width),
              products = arrays.result(2 * count);
  const LineSearch search{arrays.drawn(deq_width), arrays.drawn(1), arrays.drawn(1),
                          arrays.drawn(1),         arrays.drawn(1), arrays.drawn(1)};
  const BroydenStep step{z, f_of_z, p, u, v, products, search};
  recorder.run("28 updates of 20,800", [&] {
    broyden_judge(step, 2, {false, 0, 1e5}, state, trace);
    broyden_move(step, state, {best, next_p, next});
  });
  recorder.row("each_warp_row<BroydenProducts>", (2 * kept_rows + 3) * n + (2 * kept_rows + 4) * chunks);
  recorder.row("each_warp_row<BroydenJudge>", (2 * kept_rows + 4) * chunks + 2 * kept_rows + 2 + 11 + 10);
  recorder.row("each_element<BroydenAdvance<1>>", (2 * kept_rows + 10) * n + 2 * kept_rows + 6);
}

void record_anderson(Recorder& recorder, Arrays& arrays) {
  const std::int64_t kept = 6;
  const Array gram = arrays.drawn(kept * kept), products = arrays.drawn(kept), alpha = arrays.result(kept);
  const AndersonSystem system{1, kept, kept, 2, 1e-4, true};
  recorder.run("6 iterates", [&] {
    set_gram_row(products, system, 2, gram);
    anderson_weights(gram, system, alpha);
  });
  recorder.row("each_element<SetGramRow>", double(3 * kept));
  recorder.row("each_element<AndersonWeights>", double(kept * kept + kept));
}

}  // namespace

void record_solvers(Recorder& recorder) {
  Arrays arrays;
  const std::int64_t count = 29;
  const Array rows = arrays.drawn((count + 1) * deq_width), x = arrays.drawn(deq_width),
              f = arrays.drawn(deq_width), y = arrays.result(deq_width), c = arrays.result(count);
  const History history{rows, 1, count + 1, deq_width, count};
  const double n = double(deq_width);
  recorder.run("30 x 20,800", [&] {
    history_products(history, x, c);
    history_sum(history, c, x, y);
  });
  recorder.row("each_warp_row<HistoryProduct>", double(count + 1) * n + double(count * deq_chunks));
  recorder.row("each_element<SumOfChunks>", double(count * deq_chunks + count));
  recorder.row("each_element<HistoryCombination<1>>", double(count + 2) * n + double(count));

  const TwoWord before{x, f}, after{arrays.result(deq_width), arrays.result(deq_width)};
  recorder.run("20,800 of two words", [&] {
    damped_step(before, y, 0.5, after);
    undo_damped_step(after, y, 0.5, before);
  });
  recorder.row("each_element<DampedStep>", 5 * n);
  recorder.row("each_element<UndoDampedStep>", 5 * n);

  const Array next = arrays.result(deq_width), trace = arrays.result(1);
  const RootState state = record_judges(recorder, arrays, x, f, next, trace);
  record_broyden(recorder, arrays, rows, count, state, next, trace);
  record_anderson(recorder, arrays);
}

// Uses the true image sizes of the transforms and the resolvent, with a part of MNIST's 56 channels and 128
// samples.
void record_splitting(Recorder& recorder) {
  Arrays arrays;
  const std::int64_t side = 30, width = 8 * 32, n = side * side * width, parts = 1;
  const Array u = arrays.drawn(n), shift = arrays.drawn(n), z = arrays.drawn(n), r = arrays.result(n),
              sums = arrays.result(splitting_sums(side * side, width)), trace = arrays.result(1);
  const SplittingState state{arrays.labels(1, 1), arrays.labels(1, 1), arrays.zeros(1), arrays.zeros(1)};
  const double all = double(n), partial = double(sums.size), pieces = 2 * 32 * double(parts);
  const auto both = [&](const std::string& kernel, double forward, double backward) {
    recorder.row("each_warp_row<" + kernel + "<false>>", forward);
    recorder.row("each_warp_row<" + kernel + "<true>>", backward);
  };
  recorder.run("900 places of 8 x 32", [&] {
    for (const Array& solution : {Array{}, z}) {
      const SplittingPart part{u, shift, solution, side};
      peaceman_rachford_before(part, 1, r);
      peaceman_rachford_after(part, 1, r, state, sums);
      forward_backward(part, 0.5, r, state, sums);
      splitting_iterate(part, 1, r);
    }
    judge_splitting({sums}, {1, 0, 1e5}, state, trace);
  });
  both("BeforeInverse", 3 * all, 4 * all);
  both("AfterInverse", 3 * all + partial + 1, 5 * all + partial + 1);
  both("ForwardBackward", 4 * all + partial + 1, 5 * all + partial + 1);
  both("Iterate", 2 * all, 4 * all);
  recorder.row("each_warp_row<JudgeSplittingPart>", partial + pieces);
  recorder.row("each_warp_row<JudgeSplitting>", pieces + 7);
  recorder.run("256 of 30 x 30", [&] { frame_relu(side, u, r); });
  recorder.row("each_warp_row<FrameRelu>", 2 * all);
}

void record_frequencies(Recorder& recorder) {
  Arrays arrays;
  const HalfFrequencies half{16}, coarse{8};
  const std::int64_t c = 16, samples = 32, planes_size = half.count() * 2 * c * c;
  const Array planes = arrays.drawn(planes_size), skew = arrays.drawn(planes_size),
              blocks = arrays.result(2 * planes_size), gram = arrays.drawn(planes_size);
  const double one = double(planes_size);
  recorder.run("144 of 16 x 16", [&] {
    real_blocks(c, c, planes, blocks);
    sum_blocks(c, {1, 0.5, 0.5}, skew, gram);
    correlation_planes(half, c, blocks, planes);
    hermitian_sum(c, 0.5, skew, gram);
  });
  recorder.row("each_warp_row<RealBlocks>", 3 * one);
  recorder.row("each_warp_row<SumBlocks>", 3 * one);
  recorder.row("each_element<CorrelationPlanes>", 3 * one);
  recorder.row("each_element<HermitianSum>", 2 * one);

  const std::int64_t width = c * samples;
  const Array fine = arrays.drawn(half.count() * 2 * width),
              folded = arrays.result(coarse.count() * 2 * width),
              folded_gram = arrays.result(coarse.count() * 2 * c * c), wide = arrays.drawn(2 * planes_size);
  recorder.run("144 to 40 of 16 x 32", [&] {
    fold_aliases(half, width, 0.25, fine, folded);
    tile_aliases(half, width, 0.25, folded, fine);
    fold_gram(half, c, wide, folded_gram);
  });
  recorder.row("each_warp_row<FoldAliases>", double(fine.size + folded.size));
  recorder.row("each_warp_row<TileAliases>", double(fine.size + folded.size));
  recorder.row("each_element<FoldGram>", double(wide.size + folded_gram.size));

  const std::int64_t batch = 32, channels = 8, places = 900;
  const Array x = arrays.drawn(batch * channels * places), y = arrays.result(x.size);
  recorder.run("(32, 8, 900)", [&] { swap_ends(batch, channels, places, x, y); });
  recorder.row("each_warp_row<SwapEnds>", 2 * double(x.size));
}

// The matrices are diagonally dominant, so that elimination needs no pivots. Those of more than 96 rows do
// not fit into a block's registers.
void record_complex_inverse(Recorder& recorder) {
  const auto record = [&](std::int64_t n, const std::string& sizes, const std::string& kernel) {
    Arrays arrays;
    const Array matrices = arrays.drawn(8 * n * n, 0.05), diagonal = arrays.zeros(8 * n * n);
    sum_blocks(n, {4, 1, 1}, diagonal, matrices);
    recorder.run(sizes, [&] { complex_inverse(n, matrices); });
    recorder.row(kernel, 2 * double(matrices.size));
  };
  record(56, "4 of 56 x 56", "invert_in_registers<4>");
  record(97, "4 of 97 x 97", "invert_planes");
}

}  // namespace stillpoint::profile
