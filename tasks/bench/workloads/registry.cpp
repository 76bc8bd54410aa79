// Lists the workloads of all families.
#include "tasks/bench/workloads/families.h"

namespace stillpoint::bench {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> rows;
    add_steps(rows);
    add_evaluations(rows);
    add_root_solvers(rows);
    add_splittings(rows);
    add_kernels(rows);
    add_solver_kernels(rows);
    add_ops(rows);
    return rows;
  }();
  return all;
}

}  // namespace stillpoint::bench
