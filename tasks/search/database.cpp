// What all databases share: values by type, transactions, URLs.
#include "tasks/search/database.h"

#include "kernels/error.h"

namespace stillpoint {

namespace {

const char* kind_of(const Value& value) {
  static constexpr const char* names[]{"nothing", "an integer", "a real number", "text"};
  return names[value.index()];
}

}  // namespace

std::int64_t integer_of(const Value& value) {
  const auto* found = std::get_if<std::int64_t>(&value);
  require(found, "database: given ", kind_of(value),
          " in a column, expected an integer; restore the study from a copy");
  return *found;
}

double real_of(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return double(*integer);
  const auto* found = std::get_if<double>(&value);
  require(found, "database: given ", kind_of(value),
          " in a column, expected a number; restore the study from a copy");
  return *found;
}

const std::string& text_of(const Value& value) {
  const auto* found = std::get_if<std::string>(&value);
  require(found, "database: given ", kind_of(value),
          " in a column, expected text; restore the study from a copy");
  return *found;
}

Transaction::Transaction(Database& database, std::optional<std::int64_t> study)
    : database_(database), open_(true) {
  require(!database.in_transaction_, database.name(),
          ": given a transaction inside another one, expected one at a time; commit the outer one first");
  database.begin_write(study);
  database.in_transaction_ = true;
}

Transaction::Transaction(Database& database) : database_(database), open_(!database.in_transaction_) {
  if (!open_) return;
  database.begin_read();
  database.in_transaction_ = true;
}

Transaction::~Transaction() {
  if (!open_) return;
  database_.roll_back();
  database_.in_transaction_ = false;
}

void Transaction::commit() {
  if (!open_) return;
  database_.commit();
  database_.in_transaction_ = false;
  open_ = false;
}

std::unique_ptr<Database> open_database(const std::string& url, OpenMode mode) {
  require(!url.empty(),
          "storage: given an empty URL, expected sqlite:///FILE, a path or postgresql://USER@HOST/DATABASE");
  const std::size_t colon = url.find("://");
  if (colon == std::string::npos) return open_sqlite(url, mode);
  const std::string scheme = url.substr(0, url.find_first_of("+:"));
  const std::string rest = url.substr(colon + 3);
  if (scheme == "sqlite") {
    require(rest.size() > 1 && rest[0] == '/' && rest.find('?') == std::string::npos, "storage: given '", url,
            "', expected sqlite:///FILE (relative) or sqlite:////FOLDER/FILE without options; write it so");
    return open_sqlite(rest.substr(1), mode);
  }
  require(scheme == "postgresql" || scheme == "postgres", "storage: given a URL of '", scheme,
          "', expected sqlite:///FILE, a path or postgresql://USER@HOST/DATABASE; choose one of them");
  return open_postgres("postgresql://" + rest);
}

}  // namespace stillpoint
