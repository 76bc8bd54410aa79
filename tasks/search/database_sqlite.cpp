// SQLite's C API behind Database.
#include <filesystem>

#include "kernels/error.h"
#include "tasks/search/database.h"
#if STILLPOINT_SQLITE
#include <sqlite3.h>
#endif

namespace stillpoint {

#if STILLPOINT_SQLITE

namespace {

// A worker waits at the lock while every other one has its turn; a turn is a few milliseconds.
constexpr int busy_milliseconds = 60000;

const Dialect sqlite_dialect{
    .id = "INTEGER",
    .time = "DATETIME",
    .real = "FLOAT",
    .direction = "VARCHAR(8)",
    .state = "VARCHAR(8)",
    .value_kind = "VARCHAR(7)",
    .intermediate_value_kind = "VARCHAR(7)",
    .before_tables = {},
    .table_names = "SELECT name FROM sqlite_master WHERE type = 'table'",
    .now = "CURRENT_TIMESTAMP",
    // Both in whole seconds, rounded down: where they differ by more than n, more than n seconds have passed.
    .heartbeat_age =
        "CAST(strftime('%s', CURRENT_TIMESTAMP) AS INTEGER) - CAST(strftime('%s', heartbeat) AS INTEGER)"};

class SqliteDatabase : public Database {
 public:
  // The journal is SQLite's own choice for a new file, a rollback journal: after a kill -9 the next opener
  // finds it and undoes the half-written transaction. A write-ahead log would let readers and the writer
  // overlap, but it keeps its index in memory that processes of one machine share, so it is wrong on a
  // network file system, where workers on several machines meet; and it is two more files that must travel
  // with the study. With a transaction of milliseconds per epoch there is nothing to gain. A file that
  // somebody has switched to a write-ahead log works too and stays so.
  SqliteDatabase(std::string path, OpenMode mode) : path_(std::move(path)) {
    const bool is_there = std::filesystem::exists(path_);
    require(is_there || mode == OpenMode::create, "storage '", path_,
            "': given a file that does not exist, expected a study; check the path");
    const int flags = SQLITE_OPEN_READWRITE | (mode == OpenMode::create ? SQLITE_OPEN_CREATE : 0);
    const int code = sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr);
    if (code != SQLITE_OK) {
      const std::string reason = handle_ ? sqlite3_errmsg(handle_) : "out of memory";
      sqlite3_close(handle_);
      fail("storage '", path_, "': SQLite cannot open it (", reason,
           "); expected a file in a folder that exists and may be written");
    }
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, busy_milliseconds);
    try {
      execute("PRAGMA foreign_keys = ON", {});
    } catch (...) {
      sqlite3_close(handle_);
      throw;
    }
  }
  ~SqliteDatabase() override { sqlite3_close(handle_); }
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  Rows execute(const std::string& sql, const std::vector<Value>& parameters) override {
    sqlite3_stmt* raw = nullptr;
    check(sqlite3_prepare_v2(handle_, sql.c_str(), int(sql.size()), &raw, nullptr), sql);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
    require(sqlite3_bind_parameter_count(raw) == int(parameters.size()), "database: given ",
            parameters.size(), " values, expected ", sqlite3_bind_parameter_count(raw), " in \"", sql,
            "\"; give one per ?");
    for (std::size_t i = 0; i < parameters.size(); ++i) check(bind(raw, int(i) + 1, parameters[i]), sql);
    Rows rows;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) rows.push_back(row_of(raw));
    if (code != SQLITE_DONE) check(code, sql);
    return rows;
  }
  const Dialect& dialect() const override { return sqlite_dialect; }
  std::string name() const override { return path_; }

 protected:
  void begin_write(std::optional<std::int64_t>) override { execute("BEGIN IMMEDIATE", {}); }
  void begin_read() override { execute("BEGIN", {}); }
  void commit() override { execute("COMMIT", {}); }
  void roll_back() noexcept override { sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr); }

 private:
  static int bind(sqlite3_stmt* statement, int place, const Value& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      return sqlite3_bind_int64(statement, place, *integer);
    if (const auto* real = std::get_if<double>(&value)) return sqlite3_bind_double(statement, place, *real);
    if (const auto* text = std::get_if<std::string>(&value))
      return sqlite3_bind_text(statement, place, text->data(), int(text->size()), SQLITE_TRANSIENT);
    return sqlite3_bind_null(statement, place);
  }
  static Row row_of(sqlite3_stmt* statement) {
    Row row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const int type = sqlite3_column_type(statement, i);
      if (type == SQLITE_NULL) {
        row.emplace_back();
      } else if (type == SQLITE_INTEGER) {
        row.emplace_back(std::int64_t(sqlite3_column_int64(statement, i)));
      } else if (type == SQLITE_FLOAT) {
        row.emplace_back(sqlite3_column_double(statement, i));
      } else {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
        row.emplace_back(std::string(bytes ? bytes : "", std::size_t(sqlite3_column_bytes(statement, i))));
      }
    }
    return row;
  }
  void check(int code, const std::string& sql) const {
    if (code == SQLITE_OK) return;
    const std::string reason = sqlite3_errmsg(handle_);
    const int kind = code & 0xff;  // without the extension
    require(kind != SQLITE_NOTADB && kind != SQLITE_CORRUPT, "storage '", path_,
            "': given a file that is no sound SQLite database (", reason,
            "), expected a study; restore it from a copy or choose another file");
    require(kind != SQLITE_READONLY && kind != SQLITE_PERM, "storage '", path_,
            "': given a file or folder that may not be written (", reason,
            "), expected one that may; change its permissions or copy it elsewhere");
    require(kind != SQLITE_BUSY && kind != SQLITE_LOCKED, "storage '", path_,
            "': another process has held its lock for ", busy_milliseconds / 1000, " s (", reason,
            "); look for a stopped process, or use a PostgreSQL server");
    require(kind != SQLITE_FULL && kind != SQLITE_IOERR, "storage '", path_,
            "': the system cannot read or write it (", reason, "); check the disk");
    fail("storage '", path_, "': SQLite refuses \"", sql, "\" (", reason,
         "); expected the tables of an Optuna study");
  }

  std::string path_;
  sqlite3* handle_ = nullptr;
};

}  // namespace

bool built_with_sqlite() { return true; }

std::unique_ptr<Database> open_sqlite(const std::string& path, OpenMode mode) {
  return std::make_unique<SqliteDatabase>(path, mode);
}

#else

bool built_with_sqlite() { return false; }

std::unique_ptr<Database> open_sqlite(const std::string& path, OpenMode) {
  fail("storage '", path,
       "': this program was built without SQLite; install it (Debian and Ubuntu: libsqlite3-dev) and build "
       "again");
}

#endif

}  // namespace stillpoint
