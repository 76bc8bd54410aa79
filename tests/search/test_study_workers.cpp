// Many processes on one study: nothing lost, nothing twice, and workers that are killed at any moment.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

#include "tests/catch.h"
#include "tests/search/storage.h"

namespace stillpoint {
namespace {

using test::sample_one;
using test::TestStorage;

// The child ends with code 0 where f returned; its numbers go to a file of its own.
template <class F>
pid_t spawn(F&& f) {
  const pid_t child = ::fork();
  if (child != 0) {
    REQUIRE(child > 0);
    return child;
  }
  try {
    f();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "worker: %s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Record {
 public:
  explicit Record(const std::filesystem::path& path) : file_(path, AppendFile::Open::append) {}
  void add(Index number) { file_.append(std::to_string(number) + "\n"); }

 private:
  AppendFile file_;
};

std::vector<Index> sorted_numbers(const std::filesystem::path& path) {
  std::vector<Index> numbers;
  std::ifstream in(path);
  for (Index number; in >> number;) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// Claims, reports, finishes; looks after trials whose workers are gone; returns when all are through.
void work(const std::string& url, Index most, const std::filesystem::path& record) {
  Study study = Study::open_or_create(url, "s", Direction::minimize);
  Record finished(record);
  for (;;) {
    study.fail_stale_trials(1, 1000);
    const std::optional<Trial> trial = study.claim_trial(most, sample_one);
    if (trial) {
      for (Index step = 0; step < 3; ++step) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (!study.report(*trial, step, double(step))) break;
      }
      if (study.finish(*trial, TrialState::complete, double(trial->number))) finished.add(trial->number);
      continue;
    }
    const std::vector<Trial> trials = study.trials();
    if (std::none_of(trials.begin(), trials.end(), [](const Trial& t) {
          return t.state == TrialState::running || t.state == TrialState::waiting;
        }))
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// Each draw of a parameter ended once: in the one trial of its line of retries that is complete.
void check_finished(const TestStorage& storage, Index most) {
  Study study = Study::open(storage.url(), "s");
  const std::vector<Trial> trials = study.trials();
  std::set<Index> numbers, complete_draws, retried;
  Index complete = 0;
  for (const Trial& trial : trials) {
    numbers.insert(trial.number);
    REQUIRE(trial.parameters.size() == 1);
    const Index drawn = Index(trial.parameters[0].stored);
    CHECK(drawn == trial.retry_of().value_or(trial.number));
    if (trial.state == TrialState::complete) {
      ++complete;
      complete_draws.insert(drawn);
      CHECK(trial.value == double(trial.number));
      CHECK(trial.intermediate_values.size() == 3);
      CHECK_FALSE(trial.ended.empty());
    } else {
      CHECK(trial.state == TrialState::fail);
    }
    for (const Json& number : trial.system_attributes.value("retry_history", Json::array()))
      retried.insert(number.get<Index>());
  }
  CHECK(Index(numbers.size()) == Index(trials.size()));
  CHECK((numbers.empty() || *numbers.rbegin() + 1 == Index(trials.size())));
  CHECK(complete == most);
  CHECK(Index(complete_draws.size()) == most);
  CHECK(Index(retried.size()) == Index(trials.size()) - most);
  CHECK(study.started_trials() == most);
}

}  // namespace

TEST_CASE("processes that open a new study at once make one", "[study]") {
  const TestStorage storage;
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i)
    children.push_back(spawn([&] {
      Study::open_or_create(storage.url(), "s", Direction::minimize, {{"task", "t"}});
    }));
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  CHECK(Study::names(storage.url()) == std::vector<std::string>{"s"});
  CHECK(storage.sql("SELECT COUNT(*) FROM alembic_version") == Rows{{std::int64_t(1)}});
  CHECK(Study::open(storage.url(), "s").user_attributes() == Json({{"task", "t"}}));
}

TEST_CASE("processes that claim at once get every trial once, and no more than asked for", "[study]") {
  const TestStorage storage;
  const test::TempDir folder;
  constexpr Index most = 40;
  Study::open_or_create(storage.url(), "s", Direction::minimize);
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i)
    children.push_back(spawn([&] {
      Study study = Study::open(storage.url(), "s");
      Record claimed(folder / "claimed");
      while (const std::optional<Trial> trial = study.claim_trial(most, sample_one))
        claimed.add(trial->number);
    }));
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  const std::vector<Index> numbers = sorted_numbers(folder / "claimed");
  CHECK(Index(numbers.size()) == most);
  for (Index i = 0; i < Index(numbers.size()); ++i) CHECK(numbers[i] == i);
  CHECK(Index(Study::open(storage.url(), "s").trials().size()) == most);
}

TEST_CASE("workers that notice a dead one at once retry it once", "[study]") {
  const TestStorage storage;
  const test::TempDir folder;
  {
    Study study = Study::open_or_create(storage.url(), "s", Direction::minimize);
    for (int i = 0; i < 5; ++i) study.create_trial(sample_one);
    storage.age_heartbeats();
  }
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i)
    children.push_back(spawn([&] {
      Record stale(folder / "stale");
      for (const StaleTrial& trial : Study::open(storage.url(), "s").fail_stale_trials(60, 1))
        stale.add(trial.number);
    }));
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  CHECK(sorted_numbers(folder / "stale") == std::vector<Index>{0, 1, 2, 3, 4});
  CHECK(Study::open(storage.url(), "s").trials().size() == 10);
}

TEST_CASE("workers killed at any moment leave a sound study that the others finish", "[study]") {
  const TestStorage storage;
  const test::TempDir folder;
  constexpr Index most = 40;
  constexpr int kills = 40;
  std::mt19937 random(7);
  Study::open_or_create(storage.url(), "s", Direction::minimize);
  const auto worker = [&] { return spawn([&] { work(storage.url(), most, folder / "finished"); }); };
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) children.push_back(worker());
  int killed = 0;
  for (int i = 0; i < kills; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution<int>(5, 60)(random)));
    pid_t& victim = children[std::size_t(i) % children.size()];
    REQUIRE(::kill(victim, SIGKILL) == 0);
    killed += wait_for(victim) == 128 + SIGKILL;
    victim = worker();
  }
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  CHECK(killed >= kills / 2);
  if (std::getenv("STILLPOINT_TEST_POSTGRES") == nullptr)
    CHECK(storage.sql("PRAGMA integrity_check") == Rows{{std::string("ok")}});
  check_finished(storage, most);
  CHECK(Index(Study::open(storage.url(), "s").trials().size()) > most);  // kills have hit running trials
  const std::vector<Index> finished = sorted_numbers(folder / "finished");
  CHECK(std::adjacent_find(finished.begin(), finished.end()) == finished.end());
}

}  // namespace stillpoint
