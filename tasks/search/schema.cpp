// The tables, written out from a short description, and their version.
#include "tasks/search/schema.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/error.h"

namespace stillpoint {

namespace {

constexpr std::int64_t schema_version = 12;
const std::string alembic_version = "v3.2.0.a";
const std::string library_version = "5.0.0";  // of Optuna, whose tables these are

struct Table {
  std::string name, columns;
};

Table attributes_table(const Dialect& dialect, const std::string& owner, const std::string& owners,
                       const std::string& whose) {
  const std::string name = owner + "_" + whose + "_attribute";
  const std::string id = owner + "_id";
  return {name + "s", name + "_id " + dialect.id + " NOT NULL, " + id +
                          " INTEGER, \"key\" VARCHAR(512), value_json TEXT, PRIMARY KEY (" + name +
                          "_id), UNIQUE (" + id + ", \"key\"), FOREIGN KEY(" + id + ") REFERENCES " + owners +
                          " (" + id + ")"};
}

// A table whose rows belong to trials, at most one row for each value of `unique` (empty: for the trial).
Table trial_table(const Dialect& dialect, const std::string& name, const std::string& id,
                  const std::string& columns, const std::string& unique, const std::string& trial_null) {
  return {name, id + " " + dialect.id + " NOT NULL, trial_id INTEGER" + trial_null + ", " + columns +
                    ", PRIMARY KEY (" + id + "), UNIQUE (trial_id" + (unique.empty() ? "" : ", " + unique) +
                    "), FOREIGN KEY(trial_id) REFERENCES trials (trial_id)"};
}

std::vector<Table> tables(const Dialect& d) {
  return {
      {"studies", "study_id " + d.id + " NOT NULL, study_name VARCHAR(512) NOT NULL, PRIMARY KEY (study_id)"},
      {"version_info",
       "version_info_id INTEGER NOT NULL, schema_version INTEGER, library_version VARCHAR(256), "
       "PRIMARY KEY (version_info_id), CHECK (version_info_id=1)"},
      {"study_directions",
       "study_direction_id " + d.id + " NOT NULL, direction " + d.direction +
           " NOT NULL, study_id INTEGER NOT NULL, objective INTEGER NOT NULL, PRIMARY KEY "
           "(study_direction_id), "
           "UNIQUE (study_id, objective), FOREIGN KEY(study_id) REFERENCES studies (study_id)"},
      attributes_table(d, "study", "studies", "user"),
      attributes_table(d, "study", "studies", "system"),
      {"trials", "trial_id " + d.id + " NOT NULL, number INTEGER, study_id INTEGER, state " + d.state +
                     " NOT NULL, datetime_start " + d.time + ", datetime_complete " + d.time +
                     ", PRIMARY KEY (trial_id), FOREIGN KEY(study_id) REFERENCES studies (study_id)"},
      attributes_table(d, "trial", "trials", "user"),
      attributes_table(d, "trial", "trials", "system"),
      trial_table(d, "trial_params", "param_id",
                  "param_name VARCHAR(512), param_value " + d.real + ", distribution_json TEXT", "param_name",
                  ""),
      trial_table(
          d, "trial_values", "trial_value_id",
          "objective INTEGER NOT NULL, value " + d.real + ", value_type " + d.value_kind + " NOT NULL",
          "objective", " NOT NULL"),
      trial_table(d, "trial_intermediate_values", "trial_intermediate_value_id",
                  "step INTEGER NOT NULL, intermediate_value " + d.real + ", intermediate_value_type " +
                      d.intermediate_value_kind + " NOT NULL",
                  "step", " NOT NULL"),
      trial_table(d, "trial_heartbeats", "trial_heartbeat_id", "heartbeat " + d.time + " NOT NULL", "",
                  " NOT NULL"),
      {"alembic_version",
       "version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)"},
  };
}

std::vector<std::string> table_names(Database& database) {
  std::vector<std::string> names;
  for (const Row& row : database.execute(database.dialect().table_names)) names.push_back(text_of(row[0]));
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of the rows that are there; an empty or absent table is of no version yet.
void check_version(Database& database, const std::vector<std::string>& names) {
  const auto only = [&](const char* table, const char* column) {
    if (!has(names, table)) return Value{};
    const Rows rows = database.execute(text("SELECT ", column, " FROM ", table));
    return rows.empty() ? Value{} : rows[0][0];
  };
  const Value schema = only("version_info", "schema_version");
  const Value alembic = only("alembic_version", "version_num");
  const bool right = (is_null(schema) || integer_of(schema) == schema_version) &&
                     (is_null(alembic) || text_of(alembic) == alembic_version);
  require(right, "storage '", database.name(), "': given tables of version ",
          is_null(schema) ? -1 : integer_of(schema), ", ",
          is_null(alembic) ? "no alembic version" : text_of(alembic), ", expected ", schema_version, ", ",
          alembic_version,
          " (Optuna 3.2 to 5); run `optuna storage upgrade` for an older study, or choose another file");
}

}  // namespace

void make_tables(Database& database) {
  const std::vector<std::string> names = table_names(database);
  check_version(database, names);
  const std::vector<Table> wanted = tables(database.dialect());
  if (!std::all_of(wanted.begin(), wanted.end(),
                   [&](const Table& table) { return has(names, table.name); })) {
    for (const std::string& sql : database.dialect().before_tables) database.execute(sql);
    for (const Table& table : wanted)
      database.execute("CREATE TABLE IF NOT EXISTS " + table.name + " (" + table.columns + ")");
    database.execute("CREATE UNIQUE INDEX IF NOT EXISTS ix_studies_study_name ON studies (study_name)");
    database.execute("CREATE INDEX IF NOT EXISTS ix_trials_study_id ON trials (study_id)");
  }
  if (database.execute("SELECT 1 FROM version_info").empty())
    database.execute(
        "INSERT INTO version_info (version_info_id, schema_version, library_version) VALUES (1, ?, ?)",
        {schema_version, library_version});
  if (database.execute("SELECT 1 FROM alembic_version").empty())
    database.execute("INSERT INTO alembic_version (version_num) VALUES (?)", {alembic_version});
}

void check_tables(Database& database) {
  const std::vector<std::string> names = table_names(database);
  check_version(database, names);
  for (const Table& table : tables(database.dialect()))
    require(has(names, table.name), "storage '", database.name(), "': given a database without the table '",
            table.name, "', expected a study; check the path");
}

std::pair<Value, std::string> number_columns(double value) {
  if (std::isnan(value)) return {{}, "NAN"};
  if (std::isinf(value)) return {{}, value > 0 ? "INF_POS" : "INF_NEG"};
  return {value, "FINITE"};
}

double number_from(const Value& value, const std::string& kind) {
  if (kind == "FINITE") return real_of(value);
  if (kind == "INF_POS") return std::numeric_limits<double>::infinity();
  if (kind == "INF_NEG") return -std::numeric_limits<double>::infinity();
  require(kind == "NAN", "study: given a number of kind '", kind,
          "', expected FINITE, INF_POS, INF_NEG or NAN; restore it from a copy");
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace stillpoint
