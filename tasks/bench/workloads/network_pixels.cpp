// The models of image regression, on a quarter of the pixels of a 512 x 512 picture.
#include "models/sim.h"
#include "tasks/bench/workloads/networks.h"

namespace stillpoint::bench {
namespace {

Network pixels(const std::string& kind, const Sizes& s, Device device) {
  Initializer init(0, {DType::float32, device});
  const auto model = std::make_shared<CoordinateSim>(
      init, kind, s.width, HeadConfig{.d = s.width, .psi = s.width, .bandwidth = 0.1, .hidden = s.width});
  Network network = network_of(model, uniform_data({s.batch, 2}, 1, device),
                               uniform_data({s.batch, 3}, 2, device), {.eps = 1e-5});
  network.judge = [y = network.y](const Tensor& colours) { return mean_squared_error(colours, y); };
  network.output = [&m = *model, x = network.x] { return m(x); };
  network.loss = [output = network.output, judge = network.judge] { return judge(output()); };
  network.outputs = double(network.y.size());
  network.cost = [model, s, device](const Evaluations&) {
    return chain_cost(model->layers(), model->head.fold, s.batch, device, false);
  };
  return network;
}

}  // namespace

void add_pixel_networks(std::vector<NetworkRow>& rows) {
  for (const std::string kind : {"single", "two", "rff"})
    rows.push_back({.name = "pixels/sim-" + kind,
                    .summary = "SIM of coordinates, " + kind + "; width: of all its layers",
                    .usual = {.batch = 65536, .width = 256},
                    .evaluation_batch = 65536,
                    .axes = {.batch = true, .width = true},
                    .sim = {},
                    .make = [kind](const Sizes& s, Device d) { return pixels(kind, s, d); }});
}

}  // namespace stillpoint::bench
