// The tables of Optuna's relational storage, version 12 (alembic v3.2.0.a), and the values in their columns.
#pragma once
#include <string>
#include <utility>

#include "tasks/search/database.h"

namespace stillpoint {

// Makes the tables that are missing; to be called in a transaction that writes. Error where the database
// holds tables of another version; nothing is changed then.
void make_tables(Database& database);
// Error where the tables are missing or of another version.
void check_tables(Database& database);

// A real as a column for the number and one for its kind: FINITE, INF_POS, INF_NEG, and NAN where that is
// allowed.
std::pair<Value, std::string> number_columns(double value);
double number_from(const Value& value, const std::string& kind);

}  // namespace stillpoint
