// A stable invariant model that learns the equilibria of a trained DEQ: inputs x -> z*.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "models/model_family.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

struct StudentOptions {
  std::string model = "single";  // of the teacher's family; it takes numbers (N,1,T)
  Index features = 32;           // d_phi, and d_psi if the model has a psi
  Index steps = 4000, batch = 2;
  double lr = 2e-3;  // the largest rate of a cosine schedule; Adam
  // The weight of the logits' squared error, relative to that of the teacher's logits, beside that of z*.
  double logits = 0;
  std::int64_t seed = 0;
  std::vector<std::string> settings = {};  // of the model, as --set has them
};

// Rows are sequences.
struct Lesson {
  Tensor ids;  // int32 (n,L)
  Tensor z;    // (n, L d)
};

class Student {
 public:
  // Trains on the lesson. Throws Error if the family has no such model, if it takes token ids, or if the loss
  // stops being finite.
  Student(const ModelFamily& family, const DeqTransformer& teacher, const Lesson& lesson,
          const StudentOptions& options);
  // Returns z* (n, L d) of ids (n,L), in the teacher's dtype; records nothing.
  Tensor equilibria(const Tensor& ids) const;
  Index parameters() const { return model_->params().count(); }

 private:
  Tensor inputs(const Tensor& ids) const;  // (n,1,L)
  Tensor loss(const Tensor& ids, const Tensor& z) const;

  const DeqTransformer& teacher_;
  StudentOptions options_;
  TensorOptions numbers_;
  std::unique_ptr<Model> model_;
  double scale_ = 1, logits_scale_ = 1;  // root mean squares of z* and of the teacher's logits
};

}  // namespace stillpoint
