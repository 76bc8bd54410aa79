// The families of workloads, one function per file of this folder or per few of them.
#pragma once
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

// Each appends its rows.
void add_ops(std::vector<Workload>& workloads);
void add_steps(std::vector<Workload>& workloads);
void add_evaluations(std::vector<Workload>& workloads);
void add_root_solvers(std::vector<Workload>& workloads);
void add_splittings(std::vector<Workload>& workloads);
void add_kernels(std::vector<Workload>& workloads);
void add_solver_kernels(std::vector<Workload>& workloads);

}  // namespace stillpoint::bench
