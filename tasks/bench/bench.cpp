// Measures row after row; a row's programs take turns, round by round.
#include "tasks/bench/bench.h"

#include <algorithm>
#include <memory>

#include "engine/words.h"
#include "tasks/bench/gpu/emulated.h"
#include "tasks/bench/peer.h"
#include "tasks/bench/sweep.h"
#include "tasks/process/interrupt.h"

namespace stillpoint::bench {
namespace {

struct Rival {
  std::unique_ptr<Peer> peer;
  std::vector<std::vector<double>> rounds = {};
};

std::string title_of(const Setting& setting) {
  return text(setting.workload->name, " (", words_of(setting.workload->axes, setting.sizes), ")");
}

// Starts the peers that have the workload. Each is checked against a copy of ours that has not run yet; one
// that cannot be started does not end the others.
std::vector<Rival> start_rivals(const Request& request, const Setting& setting, const Watcher& watcher) {
  std::vector<Rival> rivals;
  for (const std::string& name : request.peers) try {
      if (!peer_runs(name, setting.workload->name)) continue;
      Measurement fresh(setting);
      rivals.push_back({std::make_unique<Peer>(setting.workload->name, setting.sizes, fresh.call(),
                                               PeerOptions{.name = name,
                                                           .python = request.python,
                                                           .device = setting.device,
                                                           .threads = setting.threads,
                                                           .precision = name_of(setting.precision)})});
    } catch (const std::exception& why) {
      watcher.failed(text(title_of(setting), " by ", name), why);
    }
  return rivals;
}

std::vector<Row> time_rows(const Request& request, const Setting& setting, const Watcher& watcher) {
  std::vector<Rival> rivals = start_rivals(request, setting, watcher);
  Measurement ours(setting);
  ours.warm_up(request.seconds);
  for (Rival& rival : rivals) rival.peer->run(request.seconds / 2);
  for (int i = 0; i < request.rounds && (i == 0 || !InterruptGuard::interrupted()); ++i) {
    ours.round(request.seconds);
    for (Rival& rival : rivals) rival.rounds.push_back(rival.peer->run(request.seconds));
  }
  std::vector<Row> rows{ours.row()};
  for (const Rival& rival : rivals) {
    rows.push_back(rival.peer->row(rows.front()));
    rows.back().ms = timing_of(rival.rounds, 1);
    set_times_ours(rows.back(), rows.front());
  }
  return rows;
}

std::vector<Row> count_row(const Setting& setting) {
  Measurement ours(setting);
  const Json counts = count_emulated(ours.call());
  Row row = ours.row();
  row.device = "emulated";
  row.counts = counts;
  return {std::move(row)};
}

void require_work_for_peers(const Request& request) {
  for (const std::string& peer : request.peers) {
    for (const Setting& s : request.settings) require_device_of_peer(peer, s.device);
    require(std::any_of(request.settings.begin(), request.settings.end(),
                        [&](const Setting& s) { return peer_runs(peer, s.workload->name); }),
            "--peer: given ", peer,
            " for workloads that it does not have, expected at least one that it has, such as 'step/*'; "
            "choose others");
  }
}

}  // namespace

std::vector<Row> measure_rows(const Request& request, const Watcher& watcher) {
  require_work_for_peers(request);
  std::vector<Row> all;
  for (std::size_t i = 0; i < request.settings.size() && !InterruptGuard::interrupted(); ++i) {
    const Setting& setting = request.settings[i];
    watcher.begins(i, setting.workload->name);
    try {
      std::vector<Row> rows = request.emulated ? count_row(setting) : time_rows(request, setting, watcher);
      std::move(rows.begin(), rows.end(), std::back_inserter(all));
    } catch (const std::exception& why) {
      watcher.failed(title_of(setting), why);
    }
  }
  compare_with_sims(all);
  return all;
}

}  // namespace stillpoint::bench
