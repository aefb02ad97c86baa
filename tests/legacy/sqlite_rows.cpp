// SPDX-License-Identifier: BSL-1.0
// SQLite, whose busy handler sleeps and looks again.
#include <sqlite3.h>

#include "row.hpp"

namespace legacy {
namespace {

struct release {
  void operator()(sqlite3* one) const { sqlite3_close(one); }
};
using connection = std::unique_ptr<sqlite3, release>;

connection opened() {
  sqlite3* one = nullptr;
  const int end = sqlite3_open((given("WEFT_LEGACY_FOLDER") + "/data.sqlite").c_str(), &one);
  connection result(one);
  require(end == SQLITE_OK, sqlite3_errmsg(one));
  return result;
}

int exec(const connection& one, const std::string& query) {
  return sqlite3_exec(one.get(), query.c_str(), nullptr, nullptr, nullptr);
}

sqlite3* holder = nullptr;

void hold() {
  if (holder != nullptr) return;
  connection one = opened();
  require(exec(one, "create table if not exists t (number)") == SQLITE_OK, "create");
  require(exec(one, "begin exclusive") == SQLITE_OK, "begin");
  holder = one.release();
}

// The file is locked all the time: it says so once the busy handler has waited for 0.2 s.
void wait_busily(int index) {
  const connection one = opened();
  sqlite3_busy_timeout(one.get(), 200);
  require(exec(one, "insert into t values (" + std::to_string(index) + ")") == SQLITE_BUSY,
          "it is not locked");
}

class waiting : public long_call {
 public:
  bool fails() override {
    sqlite3_busy_timeout(one_.get(), 20'000);
    return exec(one_, "insert into t values (0)") != SQLITE_OK;
  }

 private:
  const connection one_ = opened();
};

}  // namespace

std::vector<row> sqlite_rows() { return {{"sqlite3", "busy for 0.2 s", 200, &wait_busily, &hold}}; }

}  // namespace legacy
