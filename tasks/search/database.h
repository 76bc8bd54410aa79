// A relational database as the search uses it: statements with values, transactions, and what differs between
// servers.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace stillpoint {

using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Value>;
using Rows = std::vector<Row>;

inline bool is_null(const Value& value) { return std::holds_alternative<std::monostate>(value); }
// Error where the value is of another type; an integer also serves as a real.
std::int64_t integer_of(const Value& value);
double real_of(const Value& value);
const std::string& text_of(const Value& value);

// Names of types and expressions that the servers spell differently.
struct Dialect {
  std::string id, time, real;                                         // column types
  std::string direction, state, value_kind, intermediate_value_kind;  // column types of enumerations
  std::vector<std::string> before_tables;                             // statements that make the above
  std::string table_names;                                            // query of the names of all tables
  std::string now;            // the time of this statement, in the database's own clock
  std::string heartbeat_age;  // seconds since column `heartbeat`
};

class Database {
 public:
  virtual ~Database() = default;
  // One statement; each ? outside of quotes stands for the next of `parameters`. Error with what the server
  // said.
  virtual Rows execute(const std::string& sql, const std::vector<Value>& parameters = {}) = 0;
  virtual const Dialect& dialect() const = 0;
  // For messages: the URL or path, without a password.
  virtual std::string name() const = 0;

 protected:
  friend class Transaction;
  // Takes the write lock: of the whole database, or at least of the row of `study`.
  virtual void begin_write(std::optional<std::int64_t> study) = 0;
  virtual void begin_read() = 0;  // one snapshot for all that is read
  virtual void commit() = 0;
  virtual void roll_back() noexcept = 0;
  bool in_transaction_ = false;
};

// Rolls back at its end unless committed.
class Transaction {
 public:
  // What changes tables, or the set of studies, excludes all others that do; decisions about a study exclude
  // those about the same study, Optuna's own included. The lock is taken here: no transaction starts as a
  // reader and becomes a writer, which could fail half-way. Error where one is open already.
  static Transaction write(Database& database) { return {database, std::nullopt}; }
  static Transaction write(Database& database, std::int64_t study) { return {database, study}; }
  // Inside an open transaction it is a part of that one.
  static Transaction read(Database& database) { return Transaction(database); }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Transaction(Database& database, std::optional<std::int64_t> study);
  explicit Transaction(Database& database);
  Database& database_;
  bool open_;
};

enum class OpenMode { existing, create };  // create: an SQLite file that is missing is made

// `sqlite:///relative.db`, `sqlite:////absolute.db`, a plain path, or `postgresql://user@host/database`;
// Optuna's `postgresql+driver://` as well. A handle is for one thread and must not cross a fork. Error where
// the server or file cannot be opened, or the program was built without the library (it names the package).
std::unique_ptr<Database> open_database(const std::string& url, OpenMode mode);

std::unique_ptr<Database> open_sqlite(const std::string& path, OpenMode mode);
std::unique_ptr<Database> open_postgres(const std::string& url);
bool built_with_sqlite();
bool built_with_postgres();

}  // namespace stillpoint
