// Where tests of studies keep them: a new SQLite file, or a new schema of the PostgreSQL server that the
// environment names.
#pragma once
#include <cmath>
#include <cstdlib>
#include <string>

#include "tasks/search/study.h"
#include "tests/temp_dir.h"

namespace stillpoint::test {

class TestStorage {
 public:
  TestStorage() : url_("sqlite:///" + (folder_ / "study.db").string()) {
    const char* server = std::getenv("STILLPOINT_TEST_POSTGRES");
    if (server == nullptr) return;
    const std::string schema = "test" + folder_.path().filename().string();
    open_database(server, OpenMode::existing)->execute("CREATE SCHEMA \"" + schema + "\"");
    url_ = std::string(server) + "&options=-csearch_path%3D%22" + schema + "%22";
  }
  const std::string& url() const { return url_; }
  Rows sql(const std::string& statement, const std::vector<Value>& parameters = {}) const {
    return open_database(url_, OpenMode::create)->execute(statement, parameters);
  }
  // As if the last sign of life of all running trials were years ago.
  void age_heartbeats() const { sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'"); }

 private:
  TempDir folder_;
  std::string url_;
};

// One parameter of each kind; values follow from the number, so that no two trials have the same.
inline std::vector<Parameter> sample_all(Index number) {
  const double u = std::fmod(0.1 + 0.618033988749895 * double(number), 1.0);
  return {{"rate", Distribution::real("rate", 1e-5, 0.1, true), 1e-5 * std::pow(1e4, u)},
          {"momentum", Distribution::real("momentum", 0, 1), u},
          {"drop", Distribution::real("drop", 0, 1, false, 0.25), 0.25 * double(number % 5)},
          {"width", Distribution::integer("width", 1, 64, true), double(1 + number % 64)},
          {"depth", Distribution::integer("depth", 2, 10, false, 4), double(2 + 4 * (number % 3))},
          {"kind", Distribution::categorical("kind", {"sim", "deq \u00e9", nullptr, true, 3, 2.5}),
           double(number % 6)}};
}

inline std::vector<Parameter> sample_one(Index number) {
  return {{"x", Distribution::integer("x", 0, 100000), double(number)}};
}

inline Clock clock_at(long microseconds) {
  return [=] { return std::chrono::system_clock::time_point(std::chrono::microseconds(microseconds)); };
}

}  // namespace stillpoint::test
