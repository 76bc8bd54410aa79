// Places gradients in buckets, and starts a bucket's sum when its last gradient has come.
#include "engine/gradient_buckets.h"

#include "kernels/elementwise/elementwise.h"
#include "kernels/host/range.h"

namespace stillpoint {
namespace {

Index elements(const std::vector<Tensor>& params) {
  Index n = 0;
  for (const Tensor& p : params) n += p.size();
  return n;
}

Array part(const Array& all, Index first, Index size) {
  return {static_cast<char*>(all.data) + first * size_of(all.dtype), size, all.dtype, all.device};
}

// Convert an order of parameters to a text that ranks can exchange, and back.
std::string packed(const std::vector<std::size_t>& order) {
  return {reinterpret_cast<const char*>(order.data()), order.size() * sizeof(std::size_t)};
}
std::vector<std::size_t> unpacked(const std::string& text) {
  const auto* const data = reinterpret_cast<const std::size_t*>(text.data());
  return {data, data + text.size() / sizeof(std::size_t)};
}

}  // namespace

GradientBuckets::GradientBuckets(kernels::Communicator& group, std::vector<Tensor> params, Index bucket_bytes)
    : group_(group), params_(std::move(params)), bucket_bytes_(bucket_bytes) {
  require(!params_.empty() && bucket_bytes > 0, "gradient buckets: given ", params_.size(),
          " parameters and ", bucket_bytes, " bytes a bucket, expected both to be positive, check the model");
  flat_ = Tensor::empty({elements(params_)}, params_[0].options());
}

void GradientBuckets::lay_out(std::vector<std::size_t> order) {
  order = unpacked(group_.broadcast(packed(order)));
  require(order.size() == params_.size(), "gradient buckets: given ", params_.size(),
          " parameters, but rank 0 has ", order.size(),
          ", expected one model on every rank, start all ranks with the same settings");
  const Array all = flat_.array();
  places_.resize(params_.size());
  bucket_of_.resize(params_.size());
  Index first = 0, end = 0;
  for (const std::size_t i : order) {
    if (buckets_.empty() || (end - first) * size_of(all.dtype) >= bucket_bytes_) {
      first = end;
      buckets_.emplace_back();
    }
    places_[i] = part(all, end, params_[i].size());
    bucket_of_[i] = buckets_.size() - 1;
    end += params_[i].size();
    ++buckets_.back().params;
    buckets_.back().all = part(all, first, end - first);
  }
}

void GradientBuckets::put(std::size_t param, const Tensor& gradient, double weight) {
  kernels::affine(gradient.array(), weight, 0, places_[param]);
  --buckets_[bucket_of_[param]].missing;
  while (started_ < buckets_.size() && buckets_[started_].missing == 0)
    group_.start_sum(buckets_[started_++].all);
  group_.progress();
}

const std::vector<Array>& GradientBuckets::gradients(const Tensor& loss, double weight) {
  started_ = 0;
  for (Bucket& bucket : buckets_) bucket.missing = bucket.params;
  if (buckets_.empty()) {
    std::vector<std::size_t> order;
    const std::vector<Tensor> found =
        grad(loss, params_, {}, {.on_ready = [&](std::size_t i, const Tensor&) { order.push_back(i); }});
    lay_out(std::move(order));
    for (Bucket& bucket : buckets_) bucket.missing = bucket.params;
    for (std::size_t i = 0; i < params_.size(); ++i) put(i, found[i], weight);
  } else {
    grad(loss, params_, {}, {.on_ready = [&](std::size_t i, const Tensor& g) { put(i, g, weight); }});
  }
  const kernels::Range range("gradient sums");
  group_.finish_sums();
  return places_;
}

}  // namespace stillpoint
