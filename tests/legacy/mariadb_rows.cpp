// SPDX-License-Identifier: BSL-1.0
// libmariadb, the C interface of MySQL.
#include <mysql.h>

#include "row.hpp"

namespace legacy {
namespace {

struct release {
  void operator()(MYSQL* one) const { mysql_close(one); }
  void operator()(MYSQL_RES* one) const { mysql_free_result(one); }
};
using connection = std::unique_ptr<MYSQL, release>;
using result = std::unique_ptr<MYSQL_RES, release>;

void initialise() { mysql_library_init(0, nullptr, nullptr); }

connection connected() {
  connection one(mysql_init(nullptr));
  require(one != nullptr, "mysql_init");
  const auto port = static_cast<unsigned>(std::stoul(given("WEFT_LEGACY_MARIADB")));
  require(
      mysql_real_connect(one.get(), "127.0.0.1", "root", "", nullptr, port, nullptr, 0) != nullptr,
      mysql_error(one.get()));
  return one;
}

std::string answer(const connection& one, const std::string& query) {
  require(mysql_query(one.get(), query.c_str()) == 0, mysql_error(one.get()));
  const result got(mysql_store_result(one.get()));
  require(got != nullptr, mysql_error(one.get()));
  MYSQL_ROW const first = mysql_fetch_row(got.get());
  require(first != nullptr && first[0] != nullptr, "no row");
  return first[0];
}

void sleep_and_query(int index) {
  const connection one = connected();
  require(answer(one, "select sleep(0.2)") == "0", "woken early");
  const std::string number = std::to_string(index);
  require(answer(one, "select " + number) == number, "another client's row");
}

class sleeping : public long_call {
 public:
  bool fails() override { return mysql_query(one_.get(), "select sleep(20)") != 0; }

 private:
  const connection one_ = connected();
};

}  // namespace

std::vector<row> mariadb_rows() {
  return {{"libmariadb", "connect, select sleep(0.2), a query", 200, &sleep_and_query, &initialise,
           [] { return std::unique_ptr<long_call>(new sleeping); }}};
}

}  // namespace legacy
