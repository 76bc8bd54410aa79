// A study in its storage: what is written, what is read back, and what is refused.
#include <cmath>
#include <limits>

#include "tests/catch.h"
#include "tests/error_text.h"
#include "tests/search/storage.h"

namespace stillpoint {
namespace {

using test::sample_all;
using test::sample_one;
using test::TestStorage;
constexpr double infinity = std::numeric_limits<double>::infinity();

Study minimizing(const TestStorage& storage, const std::string& name = "s") {
  return Study::open_or_create(storage.url(), name, Direction::minimize);
}

void enqueue(const TestStorage& storage, Index number, const std::string& fixed) {
  const Value id =
      storage.sql("INSERT INTO trials (number, study_id, state) VALUES (?, 1, 'WAITING') RETURNING trial_id",
                  {number})[0][0];
  storage.sql(
      "INSERT INTO trial_system_attributes (trial_id, \"key\", value_json) VALUES (?, 'fixed_params', ?)",
      {id, fixed});
}

}  // namespace

TEST_CASE("a study is created once and found again by name", "[study]") {
  const TestStorage storage;
  const Json settings{{"task", "copy-memory"}, {"space", {{"rate", {1e-5, 0.1}}, {"kind", {"a", "b"}}}}};
  Study a = Study::open_or_create(storage.url(), "first", Direction::minimize, settings);
  Study b = Study::open_or_create(storage.url(), "second", Direction::maximize);
  CHECK(a.direction() == Direction::minimize);
  CHECK(a.user_attributes() == settings);
  CHECK(b.user_attributes().empty());
  CHECK(Study::names(storage.url()) == std::vector<std::string>{"first", "second"});
  // Keys in another order are the same settings; a setting that is new is added.
  Study::open_or_create(storage.url(), "first", Direction::minimize,
                        {{"space", {{"kind", {"a", "b"}}, {"rate", {1e-5, 0.1}}}}, {"more", 1}});
  CHECK(Study::open(storage.url(), "first").user_attributes()["more"] == 1);
  CHECK_THAT(error_text([&] { Study::open_or_create(storage.url(), "first", Direction::maximize); }),
             mentions("study 'first'", "MAXIMIZE", "expected MINIMIZE", "another name"));
  CHECK_THAT(error_text([&] {
               Study::open_or_create(storage.url(), "first", Direction::minimize, {{"task", "mnist"}});
             }),
             mentions("study 'first'", "task = \"mnist\"", "expected \"copy-memory\""));
  CHECK_THAT(error_text([&] { Study::open(storage.url(), "frist"); }),
             mentions("study 'frist'", "first, second", "check the name"));
  CHECK_THAT(error_text([&] { Study::open_or_create(storage.url(), "", Direction::minimize); }),
             mentions("0 bytes", "1 to 512"));
  b.set_user_attribute("note", "caf\u00e9 \"x\"");
  b.set_user_attribute("note", {1, 2.5, nullptr});
  b.set_system_attribute("sampler", {{"seed", 1}});
  CHECK(b.user_attributes()["note"] == Json({1, 2.5, nullptr}));
  CHECK(b.system_attributes() == Json({{"sampler", {{"seed", 1}}}}));
}

TEST_CASE("a trial is written and read back whole", "[study]") {
  const TestStorage storage;
  Study study = Study::open_or_create(storage.url(), "s", Direction::minimize, Json::object(),
                                      test::clock_at(1700000000000042));
  for (Index i = 0; i < 6; ++i) study.create_trial(sample_all);
  std::vector<Trial> trials = study.trials();
  REQUIRE(trials.size() == 6);
  for (Index i = 0; i < 6; ++i) {
    const std::vector<Parameter> expected = sample_all(i);
    REQUIRE(trials[i].parameters.size() == expected.size());
    CHECK(trials[i].number == i);
    CHECK(trials[i].state == TrialState::running);
    CHECK(trials[i].started == "2023-11-14 22:13:20.000042");
    CHECK(trials[i].ended.empty());
    for (std::size_t j = 0; j < expected.size(); ++j) {
      CHECK(trials[i].parameters[j].name == expected[j].name);
      CHECK(trials[i].parameters[j].stored == expected[j].stored);
      CHECK(trials[i].parameters[j].distribution == expected[j].distribution);
    }
  }
  CHECK(trials[1].parameters[5].value() == "deq \u00e9");
  CHECK(trials[2].parameters[4].value() == 10);
  CHECK(study.set_user_attribute(trials[0], "run", "runs/a"));
  for (const double value : {infinity, -infinity, 0.1, std::nan("")})
    CHECK(study.report(trials[0], 0, value));
  CHECK(study.report(trials[0], 1, infinity));
  CHECK(study.report(trials[0], 2, -infinity));
  CHECK(study.report(trials[0], 3, 0.1 + 0.2));
  CHECK(study.finish(trials[0], TrialState::complete, 0.25));
  CHECK(study.finish(trials[1], TrialState::pruned, -infinity));
  CHECK(study.finish(trials[2], TrialState::fail));
  trials = study.trials();
  CHECK(std::isnan(trials[0].intermediate_values.at(0)));
  CHECK(trials[0].intermediate_values.at(1) == infinity);
  CHECK(trials[0].intermediate_values.at(2) == -infinity);
  CHECK(trials[0].intermediate_values.at(3) == 0.1 + 0.2);
  CHECK(trials[0].user_attributes == Json({{"run", "runs/a"}}));
  CHECK(trials[0].ended == "2023-11-14 22:13:20.000042");
  CHECK(trials[0].value == 0.25);
  CHECK((trials[1].state == TrialState::pruned && trials[1].value == -infinity));
  CHECK((trials[2].state == TrialState::fail && !trials[2].value));
}

TEST_CASE("what has ended is not written to again", "[study]") {
  const TestStorage storage;
  Study study = minimizing(storage);
  const Trial trial = study.create_trial(sample_one);
  CHECK(study.record_heartbeat(trial));
  CHECK(study.finish(trial, TrialState::complete, 1.0));
  CHECK_FALSE(study.finish(trial, TrialState::complete, 2.0));
  CHECK_FALSE(study.report(trial, 0, 1.0));
  CHECK_FALSE(study.record_heartbeat(trial));
  CHECK_FALSE(study.set_user_attribute(trial, "a", 1));
  const Trial stored = study.trials().at(0);
  CHECK((stored.value == 1.0 && stored.intermediate_values.empty() && stored.user_attributes.empty()));
  const Trial open = study.create_trial(sample_one);
  CHECK_THAT(error_text([&] { study.finish(open, TrialState::complete, std::nan("")); }),
             mentions("trial 1", "NaN", "FAIL"));
  CHECK_THAT(error_text([&] { study.finish(open, TrialState::complete); }), mentions("no value"));
  CHECK_THAT(error_text([&] { study.finish(open, TrialState::waiting); }),
             mentions("WAITING", "COMPLETE, PRUNED or FAIL"));
  CHECK_THAT(error_text([&] { study.report(open, -1, 0); }), mentions("step -1"));
  Study other = minimizing(storage, "other");
  CHECK_THAT(error_text([&] { other.report(open, 0, 0); }),
             mentions("study 'other'", "trial 1", "of this study"));
}

TEST_CASE("the best trial and the values of a rung", "[study]") {
  for (const Direction direction : {Direction::minimize, Direction::maximize}) {
    const TestStorage storage;
    Study study = Study::open_or_create(storage.url(), "s", direction);
    CHECK_FALSE(study.best_trial());
    for (const double value : {2.0, infinity, -1.0, -1.0, 2.0}) {
      const Trial trial = study.create_trial(sample_one);
      CHECK(study.report(trial, 4, 10 * value));
      CHECK(study.finish(trial, TrialState::complete, value));
    }
    CHECK(study.finish(study.create_trial(sample_one), TrialState::pruned,
                       direction == Direction::minimize ? -infinity : infinity));
    CHECK(study.best_trial()->number == (direction == Direction::minimize ? 2 : 1));
    CHECK(study.intermediate_values_at(4) ==
          std::map<Index, double>{{0, 20}, {1, infinity}, {2, -10}, {3, -10}, {4, 20}});
    CHECK(study.intermediate_values_at(3).empty());
  }
}

TEST_CASE("waiting trials are claimed first and keep what is fixed", "[study]") {
  const TestStorage storage;
  Study study = minimizing(storage);
  CHECK(study.claim_trial(4, sample_all)->number == 0);
  enqueue(storage, 1, R"({"rate": 0.01, "kind": null, "depth": 6})");
  enqueue(storage, 2, R"({"rate": 0.5})");
  enqueue(storage, 3, R"({"rat": 0.5})");
  const std::optional<Trial> fixed = study.claim_trial(4, sample_all);
  REQUIRE(fixed);
  CHECK(fixed->number == 1);
  CHECK(fixed->state == TrialState::running);
  CHECK(fixed->parameters[0].value() == 0.01);
  CHECK(fixed->parameters[1].value() == sample_all(1)[1].value());
  CHECK(fixed->parameters[4].value() == 6);
  CHECK(fixed->parameters[5].value() == nullptr);
  CHECK_FALSE(
      study.claim_trial(4, sample_all));  // two that do not fit the space have failed, which makes four
  const std::vector<Trial> trials = study.trials();
  CHECK(trials.size() == 4);
  CHECK(trials[2].state == TrialState::fail);
  CHECK_THAT(trials[2].user_attributes["error"].get<std::string>(),
             mentions("'rate'", "given 0.5", "1e-05..0.1"));
  CHECK_THAT(trials[3].user_attributes["error"].get<std::string>(), mentions("'rat'", "did you mean 'rate'"));
  CHECK(study.started_trials() == 4);
  CHECK(study.claim_trial(5, sample_all)->number == 4);
}

TEST_CASE("samplers and spaces that do not fit are refused and leave nothing", "[study]") {
  const TestStorage storage;
  Study study = minimizing(storage);
  study.create_trial(sample_one);
  const auto trying = [&](const Parameter& parameter) {
    return error_text(
        [&] { study.claim_trial(9, [&](Index) { return std::vector<Parameter>{parameter}; }); });
  };
  CHECK_THAT(trying({"x", Distribution::integer("x", 0, 5), 7}),
             mentions("'x'", "given 7", "mistake of the sampler"));
  CHECK_THAT(trying({"x", Distribution::integer("x", 1, 5, true), 2}),
             mentions("'x'", "earlier trials", "another study"));
  CHECK_THAT(trying({"x", Distribution::real("x", 0, 5), 2}),
             mentions("'x'", "FloatDistribution", "IntDistribution"));
  CHECK(study.trials().size() == 1);
  CHECK_THAT(error_text([] { Distribution::real("r", 2, 1); }), mentions("'r'", "2..1", "low <= high"));
  CHECK_THAT(error_text([] { Distribution::real("r", 0, 1, true); }), mentions("logarithmic", "low > 0"));
  CHECK_THAT(error_text([] { Distribution::real("r", 1, 2, true, 0.5); }),
             mentions("logarithmic", "no step"));
  CHECK_THAT(error_text([] { Distribution::integer("n", 1, 6, false, 2); }),
             mentions("'n'", "whole number", "high = 5"));
  CHECK_THAT(error_text([] { Distribution::integer("n", 1, 6, false, 0); }), mentions("positive step"));
  CHECK_THAT(error_text([] { Distribution::categorical("c", Json::array()); }),
             mentions("'c'", "at least one"));
}

TEST_CASE("a trial without signs of life fails and is retried so often", "[study]") {
  const TestStorage storage;
  Study study = minimizing(storage);
  Trial trial = *study.claim_trial(2, sample_all);
  const Trial alive = *study.claim_trial(2, sample_all);
  CHECK(study.set_user_attribute(trial, "run", "runs/a"));
  CHECK(study.report(trial, 3, 0.5));
  CHECK(study.fail_stale_trials(60, 2).empty());
  const std::vector<Index> numbers{0, 2, 3};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    storage.age_heartbeats();
    CHECK(study.record_heartbeat(alive));
    const std::vector<StaleTrial> stale = study.fail_stale_trials(60, 2);
    REQUIRE(stale.size() == 1);
    CHECK(stale[0].number == numbers[i]);
    CHECK_FALSE(study.finish(trial, TrialState::complete, 1.0));
    CHECK(study.fail_stale_trials(60, 2).empty());
    if (i == 2) {
      CHECK_FALSE(stale[0].retried_as);
      break;
    }
    CHECK(stale[0].retried_as == numbers[i + 1]);
    CHECK(study.intermediate_values_at(3) == std::map<Index, double>{{numbers[i + 1], 0.5}});
    CHECK(study.started_trials() == 1);
    trial = *study.claim_trial(2, sample_all);
    CHECK(trial.number == numbers[i + 1]);
    CHECK(trial.retry_of() == 0);
    CHECK(trial.user_attributes == Json({{"run", "runs/a"}}));
    CHECK(trial.parameters[0].stored == sample_all(0)[0].stored);
    CHECK_FALSE(study.claim_trial(2, sample_all));
  }
  CHECK(study.trials()[3].system_attributes == Json({{"failed_trial", 0}, {"retry_history", {0, 2}}}));
  CHECK(study.started_trials() == 2);
  CHECK_FALSE(study.claim_trial(2, sample_all));
}

}  // namespace stillpoint
