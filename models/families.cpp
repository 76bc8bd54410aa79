// Lists the models by family.
#include "models/deq.h"
#include "models/image_sim.h"
#include "models/model_family.h"
#include "models/mondeq.h"
#include "models/sim.h"

namespace stillpoint {
namespace {

ModelFamily made_by(std::initializer_list<void (*)(ModelFamily&)> models) {
  ModelFamily family;
  for (const auto& add : models) add(family);
  return family;
}

}  // namespace

ModelFamily& sequence_models() {
  static ModelFamily family = made_by({add_sequence_sims, add_deq_transformer});
  return family;
}

ModelFamily& image_models() {
  static ModelFamily family = made_by({add_image_sims, add_mondeqs});
  return family;
}

ModelFamily& coordinate_models() {
  static ModelFamily family = made_by({add_coordinate_sims});
  return family;
}

}  // namespace stillpoint
