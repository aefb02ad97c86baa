// SPDX-License-Identifier: BSL-1.0
// legacy_libpq: 200 blocking PQexec() at once on one thread, PostgreSQL's library as it is
//
//   legacy_libpq [--conninfo TEXT] [--query SQL] [--fibers N]
//
// Each connects, asks, and hangs up. What --conninfo leaves out comes from the environment, as in
// every program that uses libpq: PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD.
#include <libpq-fe.h>

#include <memory>

#include "legacy_clients.hpp"

namespace {

// libpq ends its messages with a line break.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "failed without a word" : text;
}

// Knows nothing of weft.
std::string ask(const std::string& conninfo, const std::string& query) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(conninfo.c_str()),
                                                             &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return one_line(PQerrorMessage(connection.get()));
  }
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
      PQexec(connection.get(), query.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  const bool is_well = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
  return is_well ? std::string() : one_line(PQerrorMessage(connection.get()));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace legacy_clients;
  server::arguments given = {
      {"--conninfo", {"", "as PQconnectdb() takes it; else PGHOST, PGPORT, ..."}},
      {"--query", {"select pg_sleep(0.2)", "what each asks"}},
      {"--fibers", {"200", "how many at once"}}};
  server::read_arguments(argc, argv, "legacy_libpq", given);
  const std::string conninfo = given["--conninfo"].value;
  const std::string query = given["--query"].value;
  return run(
      "legacy_libpq", number_of(given, "legacy_libpq", "--fibers"),
      [&](int) { return ask(conninfo, query); },
      "Start a server (Debian: postgresql) that lets you in and takes more than 200 connections\n"
      "(max_connections is 100 if nobody raised it; or --fibers 90), then this again:\n"
      "  legacy_libpq --conninfo 'host=127.0.0.1 port=5432 user=postgres'");
}
