// Storage that is missing, damaged, read-only or of another version; Python's JSON.
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>

#include "tasks/search/python_json.h"
#include "tests/catch.h"
#include "tests/error_text.h"
#include "tests/search/storage.h"

namespace stillpoint {
namespace {

using test::sample_one;
using test::TempDir;
using test::TestStorage;

std::string opening(const std::string& url) {
  return error_text([&] { Study::open_or_create(url, "s", Direction::minimize); });
}

// Files that may not be written stop everybody but root.
class NotRoot {
 public:
  NotRoot() : was_root_(::geteuid() == 0) { REQUIRE((!was_root_ || ::seteuid(65534) == 0)); }
  ~NotRoot() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool was_root_;
};

}  // namespace

TEST_CASE("URLs that name no storage are refused", "[study]") {
  CHECK_THAT(opening(""), mentions("empty", "sqlite:///FILE"));
  CHECK_THAT(opening("mysql://host/db"), mentions("'mysql'", "postgresql://"));
  CHECK_THAT(opening("sqlite://study.db"), mentions("sqlite:////FOLDER/FILE"));
  CHECK_THAT(opening("sqlite:///study.db?mode=ro"), mentions("without options"));
  const TempDir folder;
  const std::string path = (folder / "none.db").string();
  CHECK_THAT(error_text([&] { Study::open(path, "s"); }), mentions(path, "does not exist", "check the path"));
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK_THAT(opening((folder / "missing" / "study.db").string()),
             mentions("cannot open", "folder that exists"));
}

TEST_CASE("a plain path and both forms of URL name the same file", "[study]") {
  const TempDir folder;
  const std::string path = (folder / "study.db").string();
  Study::open_or_create(path, "s", Direction::minimize).create_trial(sample_one);
  CHECK(Study::open("sqlite:///" + path, "s").trials().size() == 1);
  CHECK(Study::open("sqlite:///" + std::filesystem::relative(path).string(), "s").trials().size() == 1);
}

TEST_CASE("a PostgreSQL server that is not there is named, its password is not", "[study]") {
  if (!built_with_postgres()) return;
  const std::string error = opening("postgresql+psycopg2://me:secret@127.0.0.1:1/db?connect_timeout=2");
  CHECK_THAT(error,
             mentions("postgresql://me@127.0.0.1:1/db", "cannot connect", "running PostgreSQL server"));
  CHECK(error.find("secret") == std::string::npos);
}

TEST_CASE("files that are no study are refused and left alone", "[study]") {
  const TempDir folder;
  const std::string text = (folder / "text.db").string();
  const std::string bytes =
      "this is no database, and long enough to be looked at as one" + std::string(4096, 'x');
  test::write_bytes(text, bytes);
  CHECK_THAT(opening(text), mentions(text, "no sound SQLite database", "restore it"));
  CHECK(read_file(text) == bytes);
  const std::string damaged = (folder / "damaged.db").string();
  Study::open_or_create(damaged, "s", Direction::minimize).create_trial(sample_one);
  std::string content = read_file(damaged);
  std::fill(content.begin() + 100, content.end(), '\xff');
  test::write_bytes(damaged, content);
  CHECK_THAT(opening(damaged), mentions(damaged, "no sound SQLite database"));
  const std::string other = (folder / "other.db").string();
  open_database(other, OpenMode::create)->execute("CREATE TABLE a (b INTEGER)");
  CHECK_THAT(error_text([&] { Study::open(other, "s"); }),
             mentions("without the table 'studies'", "check the path"));
}

TEST_CASE("a file that may not be written can be read", "[study]") {
  const TempDir folder;
  const std::string path = (folder / "study.db").string();
  Study::open_or_create(path, "s", Direction::minimize).create_trial(sample_one);
  ::chmod(folder.path().c_str(), 0755);
  ::chmod(path.c_str(), 0444);
  const NotRoot guard;
  Study study = Study::open(path, "s");
  CHECK(study.trials().size() == 1);
  CHECK_THAT(error_text([&] { study.create_trial(sample_one); }),
             mentions(path, "may not be written", "permissions"));
  CHECK_THAT(error_text([&] { Study::open_or_create(path, "other", Direction::minimize); }),
             mentions(path, "may not be written"));
}

TEST_CASE("tables of another version are refused and left alone", "[study]") {
  for (const std::string change : {"UPDATE alembic_version SET version_num = 'v3.0.0.d'",
                                   "UPDATE version_info SET schema_version = 13"}) {
    const TestStorage storage;
    Study::open_or_create(storage.url(), "s", Direction::minimize);
    storage.sql(change);
    storage.sql("DROP TABLE trial_heartbeats");
    CHECK_THAT(opening(storage.url()),
               mentions("tables of version", "expected 12, v3.2.0.a", "optuna storage upgrade"));
    CHECK_THAT(error_text([&] { Study::open(storage.url(), "s"); }), mentions("expected 12, v3.2.0.a"));
    CHECK_THAT(error_text([&] { storage.sql("SELECT * FROM trial_heartbeats"); }),
               mentions("trial_heartbeats"));
  }
  const TestStorage storage;  // of the right version, tables that are missing are made
  Study::open_or_create(storage.url(), "s", Direction::minimize);
  storage.sql("DROP TABLE trial_heartbeats");
  CHECK(Study::open_or_create(storage.url(), "s", Direction::minimize).claim_trial(1, sample_one));
}

TEST_CASE("values that Optuna cannot have written are named", "[study]") {
  const TestStorage storage;
  Study study = Study::open_or_create(storage.url(), "s", Direction::minimize);
  study.create_trial(sample_one);
  const auto reading = [&](const std::string& change) {
    storage.sql(change);
    return error_text([&] { study.trials(); });
  };
  CHECK_THAT(reading("UPDATE trial_params SET distribution_json = '{\"name\": \"X\", \"attributes\": {}}'"),
             mentions("'x'", "low"));
  CHECK_THAT(reading("UPDATE trial_params SET distribution_json = '{'"), mentions("'x'", "expected JSON"));
  storage.sql("INSERT INTO study_directions (direction, study_id, objective) VALUES ('MAXIMIZE', 1, 1)");
  CHECK_THAT(opening(storage.url()), mentions("2 objectives", "expected one"));
}

TEST_CASE("a transaction rolls back unless committed and does not nest", "[study]") {
  const TestStorage storage;
  Study::open_or_create(storage.url(), "s", Direction::minimize);
  const auto database = open_database(storage.url(), OpenMode::existing);
  {
    auto transaction = Transaction::write(*database, 1);
    database->execute("INSERT INTO studies (study_name) VALUES (?)", {std::string("t?'\"")});
    CHECK_THAT(error_text([&] { Transaction::write(*database); }), mentions("inside another"));
    auto part = Transaction::read(*database);
  }
  CHECK(database->execute("SELECT COUNT(*), 'a?', CAST(? AS FLOAT) FROM studies", {0.1}) ==
        Rows{{std::int64_t(1), std::string("a?"), 0.1}});
  CHECK_THAT(error_text([&] { database->execute("SELECT ?", {}); }), mentions("SELECT ?"));
  CHECK_THAT(error_text([&] { text_of(Value(1.0)); }), mentions("a real number", "expected text"));
  CHECK_THAT(error_text([&] { integer_of(Value()); }), mentions("nothing", "expected an integer"));
  CHECK_THAT(error_text([&] { real_of(Value(std::string("a"))); }), mentions("text", "expected a number"));
}

TEST_CASE("JSON as Python writes it", "[study]") {
  CHECK(python_float(1) == "1.0");
  CHECK(python_float(-0.0) == "-0.0");
  CHECK(python_float(1e-5) == "1e-05");
  CHECK(python_float(1e-4) == "0.0001");
  CHECK(python_float(1e15) == "1000000000000000.0");
  CHECK(python_float(1e16) == "1e+16");
  CHECK(python_float(0.1 + 0.2) == "0.30000000000000004");
  CHECK(python_float(5e-324) == "5e-324");
  CHECK(python_json({{"a", {1, 2.5, nullptr, true}}, {"\u00e9\x7f\"", std::nan("")}}) ==
        R"({"a": [1, 2.5, null, true], "\u00e9\u007f\"": NaN})");
  CHECK(read_python_json(R"({"a\"NaN": [NaN, -Infinity, Infinity, "NaN", -1]})", "x") ==
        Json({{"a\"NaN", {nullptr, nullptr, nullptr, "NaN", -1}}}));
  CHECK_THAT(error_text([] { read_python_json("{", "attribute 'a'"); }),
             mentions("attribute 'a'", "expected JSON"));
  CHECK(distribution_json(Distribution::integer("n", 1, 9)) ==
        R"({"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}})");
  CHECK(
      distribution_json(Distribution::real("r", 1e-5, 0.1, true)) ==
      R"({"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}})");
  CHECK(distribution_json(Distribution::categorical("c", {"a", nullptr, 1.5})) ==
        R"({"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 1.5]}})");
}

}  // namespace stillpoint
