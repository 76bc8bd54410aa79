// PostgreSQL's C library, libpq, behind Database.
#include <charconv>

#include "kernels/error.h"
#include "tasks/search/database.h"
#if STILLPOINT_POSTGRES
#include <libpq-fe.h>
#endif

namespace stillpoint {

#if STILLPOINT_POSTGRES

namespace {

std::string type_statement(const std::string& name, const std::string& values) {
  return "DO $$ BEGIN CREATE TYPE " + name + " AS ENUM (" + values +
         "); EXCEPTION WHEN duplicate_object THEN NULL; END $$";
}

const Dialect postgres_dialect{
    .id = "SERIAL",
    .time = "TIMESTAMP WITHOUT TIME ZONE",
    .real = "FLOAT(53)",
    .direction = "studydirection",
    .state = "trialstate",
    .value_kind = "trialvaluetype",
    .intermediate_value_kind = "trialintermediatevaluetype",
    .before_tables = {type_statement("studydirection", "'NOT_SET', 'MINIMIZE', 'MAXIMIZE'"),
                      type_statement("trialstate", "'RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING'"),
                      type_statement("trialvaluetype", "'FINITE', 'INF_POS', 'INF_NEG'"),
                      type_statement("trialintermediatevaluetype", "'FINITE', 'INF_POS', 'INF_NEG', 'NAN'")},
    .table_names = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
    .now = "clock_timestamp()",  // CURRENT_TIMESTAMP is when the transaction began to wait for its lock
    .heartbeat_age = "EXTRACT(EPOCH FROM (LOCALTIMESTAMP - heartbeat))"};

// $1, $2, ... for each ? outside of quotes.
std::string numbered(const std::string& sql) {
  std::string out;
  int number = 0;
  char quote = 0;
  for (const char c : sql) {
    if (quote == 0 && c == '?') {
      out += '$' + std::to_string(++number);
      continue;
    }
    if (c == '\'' || c == '"') quote = quote == 0 ? c : quote == c ? 0 : quote;
    out += c;
  }
  return out;
}

template <class T>
std::string shortest(T number) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

std::optional<std::string> text_form(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return shortest(*integer);
  if (const auto* real = std::get_if<double>(&value)) return shortest(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::nullopt;
}

Value value_of(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column)) return {};
  const char* text = PQgetvalue(result, row, column);
  const char* end = text + PQgetlength(result, row, column);
  switch (PQftype(result, column)) {  // numbers of pg_type
    case 20:
    case 21:
    case 23: {
      std::int64_t integer = 0;
      std::from_chars(text, end, integer);
      return integer;
    }
    case 700:
    case 701:
    case 1700: {
      double real = 0;
      std::from_chars(text, end, real);
      return real;
    }
    default:
      return std::string(text, end);
  }
}

// What stands between // and @ may hold a password.
std::string without_password(const std::string& url) {
  const std::size_t start = url.find("//") + 2, at = url.find('@');
  if (at == std::string::npos) return url.substr(0, url.find('?'));
  const std::string user = url.substr(start, std::min(at, url.find(':', start)) - start);
  return url.substr(0, start) + user + url.substr(at, url.find('?') - at);
}

using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;

class PostgresDatabase : public Database {
 public:
  explicit PostgresDatabase(const std::string& url)
      : name_(without_password(url)), connection_(PQconnectdb(url.c_str()), PQfinish) {
    require(PQstatus(connection_.get()) == CONNECTION_OK, "storage '", name_, "': cannot connect (",
            PQerrorMessage(connection_.get()),
            "); expected a running PostgreSQL server, check host, user and database");
    execute("SET client_min_messages = warning", {});  // not a notice for every table that is there already
    execute("SET client_encoding = 'UTF8'", {});
    execute("SET datestyle = 'ISO'", {});
    // A worker that was stopped in a transaction loses it, and those that wait for it go on.
    execute("SET lock_timeout = '60s'", {});
    execute("SET idle_in_transaction_session_timeout = '60s'", {});
  }

  Rows execute(const std::string& sql, const std::vector<Value>& parameters) override {
    std::vector<std::optional<std::string>> texts;
    for (const Value& value : parameters) texts.push_back(text_form(value));
    std::vector<const char*> pointers;
    for (const auto& text : texts) pointers.push_back(text ? text->c_str() : nullptr);
    const Result result(PQexecParams(connection_.get(), numbered(sql).c_str(), int(pointers.size()), nullptr,
                                     pointers.data(), nullptr, nullptr, 0),
                        PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    require(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "storage '", name_,
            "': PostgreSQL refuses \"", sql, "\" (", PQerrorMessage(connection_.get()),
            "); expected a reachable server with the tables of an Optuna study");
    Rows rows(std::size_t(PQntuples(result.get())));
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (int j = 0; j < PQnfields(result.get()); ++j) rows[i].push_back(value_of(result.get(), int(i), j));
    return rows;
  }
  const Dialect& dialect() const override { return postgres_dialect; }
  std::string name() const override { return name_; }

 protected:
  void begin_write(std::optional<std::int64_t> study) override {
    execute("BEGIN ISOLATION LEVEL READ COMMITTED", {});
    try {
      if (study) {
        execute("SELECT study_id FROM studies WHERE study_id = ? FOR UPDATE", {*study});
      } else {
        execute("SELECT pg_advisory_xact_lock(7163310259)", {});  // any number, the same in every worker
      }
    } catch (...) {
      roll_back();
      throw;
    }
  }
  void begin_read() override { execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", {}); }
  void commit() override { execute("COMMIT", {}); }
  void roll_back() noexcept override { PQclear(PQexec(connection_.get(), "ROLLBACK")); }

 private:
  std::string name_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

}  // namespace

bool built_with_postgres() { return true; }

std::unique_ptr<Database> open_postgres(const std::string& url) {
  return std::make_unique<PostgresDatabase>(url);
}

#else

bool built_with_postgres() { return false; }

std::unique_ptr<Database> open_postgres(const std::string&) {
  fail(
      "storage: given a PostgreSQL URL, but this program was built without libpq; install it (Debian and "
      "Ubuntu: "
      "libpq-dev) and build again, or give sqlite:///FILE");
}

#endif

}  // namespace stillpoint
