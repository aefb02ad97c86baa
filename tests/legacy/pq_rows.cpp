// SPDX-License-Identifier: BSL-1.0
// libpq, as its manual uses it.
#include <libpq-fe.h>
#include <sys/select.h>

#include "row.hpp"

namespace legacy {
namespace {

struct finish {
  void operator()(PGconn* one) const { PQfinish(one); }
};
struct clear {
  void operator()(PGresult* one) const { PQclear(one); }
};
using connection = std::unique_ptr<PGconn, finish>;
using result = std::unique_ptr<PGresult, clear>;

connection connected() {
  const std::string where =
      "host=127.0.0.1 user=postgres dbname=postgres port=" + given("WEFT_LEGACY_POSTGRES");
  connection one(PQconnectdb(where.c_str()));
  require(PQstatus(one.get()) == CONNECTION_OK, PQerrorMessage(one.get()));
  return one;
}

result exec(const connection& one, const std::string& query, ExecStatusType expected) {
  result got(PQexec(one.get(), query.c_str()));
  require(PQresultStatus(got.get()) == expected, query + ": " + PQerrorMessage(one.get()));
  return got;
}

void sleep_and_query(int index) {
  const connection one = connected();
  exec(one, "select pg_sleep(0.2)", PGRES_TUPLES_OK);
  const std::string number = std::to_string(index);
  const char* const values[] = {number.c_str()};
  const result got(
      PQexecParams(one.get(), "select $1::int * 2", 1, nullptr, values, nullptr, nullptr, 0));
  require(PQntuples(got.get()) == 1, PQerrorMessage(one.get()));
  require(PQgetvalue(got.get(), 0, 0) == std::to_string(2 * index), "another client's row");
}

// 1,000 lines in and out again.
std::string lines_of(int index) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) {
    lines += std::to_string(i) + "\tline " + std::to_string(i) + " of client " +
             std::to_string(index) + "\n";
  }
  return lines;
}

std::string copied_out(const connection& one, const char* query) {
  exec(one, query, PGRES_COPY_OUT);
  std::string all;
  char* line = nullptr;
  int bytes = 0;
  while ((bytes = PQgetCopyData(one.get(), &line, 0)) > 0) {
    all.append(line, static_cast<std::size_t>(bytes));
    PQfreemem(line);
  }
  require(bytes == -1, PQerrorMessage(one.get()));
  const result end(PQgetResult(one.get()));
  require(PQresultStatus(end.get()) == PGRES_COMMAND_OK, PQerrorMessage(one.get()));
  require(result(PQgetResult(one.get())) == nullptr, "a result too many");
  return all;
}

void copy(int index) {
  const connection one = connected();
  exec(one, "create temporary table t (number int, line text)", PGRES_COMMAND_OK);
  const std::string lines = lines_of(index);
  exec(one, "copy t from stdin", PGRES_COPY_IN);
  require(PQputCopyData(one.get(), lines.data(), static_cast<int>(lines.size())) == 1 &&
              PQputCopyEnd(one.get(), nullptr) == 1,
          PQerrorMessage(one.get()));
  const result end(PQgetResult(one.get()));
  require(PQresultStatus(end.get()) == PGRES_COMMAND_OK, PQerrorMessage(one.get()));
  require(result(PQgetResult(one.get())) == nullptr, "a result too many");
  // The first line comes after 0.5 s.
  require(
      copied_out(one, "copy (select t.* from pg_sleep(0.5), t order by number) to stdout") == lines,
      "other lines came back");
}

// The wait of the manual's example: select() on the connection's socket.
void notify(int index) {
  const connection listener = connected();
  const std::string channel = "channel_" + std::to_string(index);
  exec(listener, "listen " + channel, PGRES_COMMAND_OK);
  const connection other = connected();
  const std::string query = "select pg_sleep(0.5), pg_notify('" + channel + "', 'word')";
  require(PQsendQuery(other.get(), query.c_str()) == 1, PQerrorMessage(other.get()));
  for (;;) {
    const int fd = PQsocket(listener.get());
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    require(select(fd + 1, &readable, nullptr, nullptr, nullptr) == 1, "select");
    require(PQconsumeInput(listener.get()) == 1, PQerrorMessage(listener.get()));
    if (PGnotify* const got = PQnotifies(listener.get())) {
      const bool is_ours = channel == got->relname && std::string("word") == got->extra;
      PQfreemem(got);
      require(is_ours, "another client's word");
      return;
    }
  }
}

class sleeping : public long_call {
 public:
  bool fails() override {
    const result got(PQexec(one_.get(), "select pg_sleep(20)"));
    return PQresultStatus(got.get()) != PGRES_TUPLES_OK;
  }

 private:
  const connection one_ = connected();
};

}  // namespace

std::vector<row> pq_rows() {
  return {
      {"libpq", "connect, select pg_sleep(0.2), a query", 200, &sleep_and_query, nullptr,
       [] { return std::unique_ptr<long_call>(new sleeping); }},
      {"libpq COPY", "1,000 lines in, 0.5 s, and out", 100, &copy},
      {"libpq NOTIFY", "listen, notified after 0.5 s", 100, &notify},
  };
}

}  // namespace legacy
