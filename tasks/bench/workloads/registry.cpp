// Lists the workloads of all families.
#include "tasks/bench/workloads/families.h"

namespace stillpoint::bench {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> rows;
    add_steps(rows);
    add_evaluations(rows);
    return rows;
  }();
  return all;
}

}  // namespace stillpoint::bench
