// The record behind a tensor: its memory and, if it was recorded, how it was made.
#pragma once
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

struct Node {
  Node();
  ~Node();  // releases long chains without recursion
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  std::shared_ptr<Buffer> storage;
  Shape shape;
  DType dtype = DType::float32;
  bool requires_grad = false;
  const char* op = "";
  std::uint64_t order;  // increases with creation, so inputs have smaller orders than results
  std::vector<Tensor> inputs;
  Vjp vjp;
};

}  // namespace stillpoint
