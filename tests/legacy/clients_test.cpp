// SPDX-License-Identifier: BSL-1.0
// Unmodified client libraries of Debian, hundreds of blocking clients as fibers on one thread, each
// against its real server: together they take a small part of the time they take one by one, and a
// fiber that ticks is not held up.
#include "legacy/rows_check.hpp"

using namespace legacy;

namespace {

// A sanitizer makes the client slower, not the servers.
int scaled_down(int count) { return weft_tests::is_sanitized ? count / 2 : count; }

linked how_linked() {
  return program_of(linked::shared).empty() ? linked::statically : linked::shared;
}

}  // namespace

TEST_CASE("legacy: 200 clients of libpq connect, sleep in the server and ask, on one thread") {
  LEGACY_NEEDS("libpq");
  check_row("libpq", how_linked(), scaled_down(200));
}

TEST_CASE("legacy: 100 clients of libpq COPY in and out, and each gets its own lines") {
  LEGACY_NEEDS("libpq COPY");
  check_row("libpq COPY", how_linked(), scaled_down(100));
}

TEST_CASE("legacy: 100 clients of libpq LISTEN, and each is notified") {
  LEGACY_NEEDS("libpq NOTIFY");
  check_row("libpq NOTIFY", how_linked(), scaled_down(100));
}

TEST_CASE("legacy: 200 clients of hiredis wait in BLPOP, on one thread") {
  LEGACY_NEEDS("hiredis");
  check_row("hiredis", how_linked(), scaled_down(200));
}

TEST_CASE("legacy: 200 easy handles of libcurl wait for a slow server, on one thread") {
  LEGACY_NEEDS("libcurl http");
  check_row("libcurl http", how_linked(), scaled_down(200));
}

TEST_CASE("legacy: 100 easy handles of libcurl look up, shake hands and wait") {
  LEGACY_NEEDS("libcurl https");
  check_row("libcurl https", how_linked(), scaled_down(100));
}

TEST_CASE("legacy: 200 clients of libmariadb connect, sleep in the server and ask, on one thread") {
  LEGACY_NEEDS("libmariadb");
  check_row("libmariadb", how_linked(), scaled_down(200));
}

TEST_CASE("legacy: 100 blocking BIOs of OpenSSL shake hands and wait, on one thread") {
  LEGACY_NEEDS("OpenSSL BIO");
  check_row("OpenSSL BIO", how_linked(), scaled_down(100));
}

TEST_CASE("legacy: 20 sessions of libssh2 run a command, on one thread") {
  LEGACY_NEEDS("libssh2");
  check_row("libssh2", how_linked(), 20);
}

TEST_CASE("legacy: 200 connections of SQLite wait in its busy handler, on one thread") {
  LEGACY_NEEDS("sqlite3");
  check_row("sqlite3", how_linked(), scaled_down(200));
}

TEST_CASE("legacy: 50 lookups of one name share one question to a slow name server") {
  LEGACY_NEEDS("getaddrinfo");
  check_row("getaddrinfo", how_linked(), 50);
}

TEST_CASE("legacy: 50 lookups of 50 names go to no more than 12 threads") {
  LEGACY_NEEDS("getaddrinfo, names");
  check_row("getaddrinfo, names", how_linked(), 50);
}
