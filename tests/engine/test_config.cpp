// Tests configurations and schedules: reading, checking, help.
#include "engine/config.h"
#include "engine/schedule.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

struct Sample {
  std::int64_t epochs = 3;
  double lr = 0.5;
  bool fold = true;
  std::string kind = "single";
  template <class F>
  void fields(F& f) {
    f("epochs", epochs, "passes", at_least(1));
    f("lr", lr, "rate", factor());
    f("fold", fold, "fold or not");
    f("kind", kind, "which", one_of({"single", "two"}));
  }
};

std::string rejection(const Json& object) {
  Sample sample;
  return error_text([&] { read_config(sample, object, "file.json"); });
}

std::string spelled_rejection(const std::string& assignment) {
  Sample sample;
  return error_text([&] { read_config(sample, parse_assignment(assignment), "--set", Written::spelled); });
}

}  // namespace

TEST_CASE("a configuration survives writing and reading", "[config]") {
  Sample a;
  a.epochs = 7;
  a.lr = 0.1;
  a.kind = "two";
  Sample b;
  read_config(b, write_config(a), "text");
  CHECK(write_config(b) == write_config(a));
  CHECK(b.lr == 0.1);
}

TEST_CASE("settings that are wrong are errors that name source, key, value and remedy", "[config]") {
  CHECK_THAT(rejection({{"epoch", 1}}), mentions("file.json", "'epoch'", "did you mean 'epochs'"));
  CHECK_THAT(rejection({{"epochs", 0}}), mentions("epochs is 0", "a whole number >= 1"));
  CHECK_THAT(rejection({{"epochs", 1.5}}), mentions("epochs is 1.5", "whole number"));
  CHECK_THAT(rejection({{"epochs", "3"}}), mentions("\"3\"", "whole number"));
  CHECK_THAT(rejection({{"lr", 0}}), mentions("lr is 0", "a finite number in (0, 1e+06]"));
  CHECK_THAT(rejection({{"lr", nullptr}}), mentions("lr is null", "number"));
  CHECK_THAT(rejection({{"fold", 1}}), mentions("fold is 1", "true or false"));
  CHECK_THAT(rejection({{"kind", "three"}}), mentions("\"three\"", "single, two"));
  CHECK_THAT(rejection(Json::array()), mentions("array", "object"));
  CHECK_THAT(rejection({{"lr", Json::array({1})}}), mentions("lr is an array", "number"));
  CHECK_THAT(rejection({{"lr", Json::object()}}), mentions("lr is an object", "number"));
  CHECK_THAT(error_text([] { parse_assignment("lr"); }), mentions("'lr'", "key=value"));
}

TEST_CASE("settings that are not UTF-8 or nest without end are errors", "[config]") {
  CHECK_THAT(spelled_rejection("lr=-\x9f"
                               "0.5"),
             mentions("lr is \"-\xef\xbf\xbd"
                      "0.5\"",
                      "a number"));
  CHECK_THAT(spelled_rejection("kind=\xff"), mentions("kind is", "UTF-8 text"));
  const std::string deep(1 << 20, '[');
  CHECK_THAT(spelled_rejection("lr=" + deep), mentions("more than 64 levels"));
  const test::TempDir dir;
  test::write_bytes(dir / "settings.json", R"({"lr": )" + deep + std::string(1 << 20, ']') + "}");
  CHECK_THAT(error_text([&] { read_json_file(dir / "settings.json"); }),
             mentions("settings.json", "more than 64 levels"));
}

TEST_CASE("an assignment keeps its spelling until its field reads it", "[config]") {
  CHECK(parse_assignment("kind=two") == Json{{"kind", "two"}});
  CHECK(parse_assignment("image=a=b.png")["image"] == "a=b.png");
  Sample sample;
  for (const char* assignment : {"lr=1e-3", "fold=false", "kind=two", "epochs=4"})
    read_config(sample, parse_assignment(assignment), "--set", Written::spelled);
  CHECK(write_config(sample) == Json{{"epochs", 4}, {"lr", 1e-3}, {"fold", false}, {"kind", "two"}});
}

TEST_CASE("help lists every field with its default and range", "[config]") {
  ConfigHelp help;
  Sample().fields(help);
  CHECK_THAT(help.text(), mentions("epochs", "3", "passes (>= 1)", "lr", "0.5", "one of single, two"));
}

TEST_CASE("schedules follow their formulas", "[schedule]") {
  // cosine, lr 0.01 over 90,000 steps
  const Schedule cosine{ScheduleKind::cosine, 0.01, 20, 4500};
  CHECK(cosine.lr_at(0) == Approx(0.01).epsilon(1e-12));
  CHECK(cosine.lr_at(22500) == Approx(0.0085355339).epsilon(1e-8));
  CHECK(cosine.lr_at(45000) == Approx(0.005).epsilon(1e-12));
  CHECK(cosine.lr_at(67500) == Approx(0.0014644661).epsilon(1e-8));
  // 1cycle of Winston and Kolter (2020): E = 65, largest rate 0.05
  const Schedule cycle{ScheduleKind::one_cycle, 0.05, 65, 10};
  CHECK(cycle.lr_at(0) == Approx(0.001));
  CHECK(cycle.lr_at(150) == Approx(0.0255));
  CHECK(cycle.lr_at(300) == Approx(0.05));
  CHECK(cycle.lr_at(450) == Approx(0.0255));
  CHECK(cycle.lr_at(600) == Approx(0.001));
  CHECK(cycle.lr_at(650) == Approx(0.001));
  CHECK(cycle.momentum_at(0) == Approx(0.95));
  CHECK(cycle.momentum_at(300) == Approx(0.85));
  const Schedule steps{ScheduleKind::step, 1, 30, 5, 10};
  CHECK(steps.lr_at(49) == 1);
  CHECK(steps.lr_at(50) == Approx(0.1));
  CHECK(steps.lr_at(149) == Approx(0.01));
  CHECK(Schedule{ScheduleKind::constant, 0.3, 2, 2}.lr_at(3) == 0.3);
  CHECK_THAT(error_text([] {
               (void)Schedule{ScheduleKind::one_cycle, 1, 5, 1}.lr_at(0);
             }),
             mentions("1cycle", "5 epochs"));
  CHECK_THAT(error_text([] { schedule_named("cosin"); }), mentions("'cosin'", "cosine"));
}

}  // namespace stillpoint
