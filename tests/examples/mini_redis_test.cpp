// SPDX-License-Identifier: BSL-1.0
// The example mini_redis, as its users meet it: its commands, by redis-cli and redis-benchmark, and
// its protocol, byte by byte. Clients that wait for each other: mini_redis_waiting_test.cpp.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "examples/clients.hpp"
#include "examples/mini_redis_child.hpp"
#include "examples/programs.hpp"
#include "support/build_kind.hpp"
#include "support/skip.hpp"
#include "weft/io.hpp"
#include "weft/weft.hpp"

using namespace weft_tests;
using namespace std::chrono_literals;

TEST_CASE("mini_redis: says where it listens, and SIGINT and SIGTERM end it with status 0") {
  if (!are_built()) WEFT_SKIP(not_built);
  for (const int signal : {SIGINT, SIGTERM}) {
    as_client([&] {
      mini_redis_child server;
      CHECK(server.first_line() == "listening on 127.0.0.1:" + std::to_string(server.port()));
      raw_client idle(server);
      raw_client blocked(server);
      raw_client subscriber(server);
      idle.talks("PING\r\n", "+PONG\r\n");
      blocked.says("BLPOP nothing 0\r\n");
      subscriber.talks("SUBSCRIBE a\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
      const child_end end = server.end_by(signal);
      CHECK(end.status == 0);
      CHECK(end.output == server.first_line() + "\n");
      for (raw_client* one : {&idle, &blocked, &subscriber}) CHECK(one->hears_to_the_end() == "");
    });
  }
}

TEST_CASE("mini_redis: redis-cli sets, gets, counts and deletes") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_redis_tools()) WEFT_SKIP(no_redis_tools);
  const mini_redis_child server;
  CHECK(server.cli({"ping"}) == "PONG\n");
  CHECK(server.cli({"echo", "a b"}) == "a b\n");
  CHECK(server.cli({"set", "key", "value"}) == "OK\n");
  CHECK(server.cli({"get", "key"}) == "value\n");
  CHECK(server.cli({"set", "key", "other", "nx"}) == "\n");
  CHECK(server.cli({"set", "none", "other", "xx"}) == "\n");
  CHECK(server.cli({"set", "key", "other", "xx", "ex", "100"}) == "OK\n");
  CHECK(std::atoi(server.cli({"ttl", "key"}).c_str()) > 50);
  CHECK(server.cli({"incr", "n"}) == "1\n");
  CHECK(server.cli({"incr", "n"}) == "2\n");
  CHECK(server.cli({"exists", "n", "key", "none"}) == "2\n");
  CHECK(server.cli({"dbsize"}) == "2\n");
  CHECK(server.cli({"-n", "3", "dbsize"}) == "0\n");
  CHECK(server.cli({"del", "n", "key", "none"}) == "2\n");
  CHECK(server.cli({"rpush", "list", "a", "b", "c"}) == "3\n");
  CHECK(server.cli({"lrange", "list", "0", "-1"}) == "a\nb\nc\n");
  CHECK(server.cli({"flushall"}) == "OK\n");
  CHECK(server.cli({"dbsize"}) == "0\n");
}

TEST_CASE("mini_redis: errors are worded as Redis words them") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    raw_client me(server);
    me.talks("FOO a b\r\n", "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n");
    me.talks(request({"x\r\ny"}), "-ERR unknown command 'x  y', with args beginning with: \r\n");
    me.talks("GET\r\n", "-ERR wrong number of arguments for 'get' command\r\n");
    me.talks("SET a b\r\n", "+OK\r\n");
    for (const char* number : {"", "abc", "1.5", " 1", "01", "9223372036854775808"}) {
      me.talks(request({"SET", "a", number}) + "INCR a\r\n",
               "+OK\r\n-ERR value is not an integer or out of range\r\n");
    }
    me.talks("SET a 9223372036854775807\r\nINCR a\r\n",
             "+OK\r\n-ERR increment or decrement would overflow\r\n");
    me.talks("LPUSH a b\r\n",
             "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    me.talks("SET a b EX 0\r\n", "-ERR invalid expire time in 'set' command\r\n");
    me.talks("SET a b NX XX\r\n", "-ERR syntax error\r\n");
    me.talks("SELECT 99\r\n", "-ERR DB index is out of range\r\n");
    me.talks("BLPOP a -1\r\n", "-ERR timeout is negative\r\n");
    me.talks("PING\r\n", "+PONG\r\n");  // none of them ended the connection
  });
}

TEST_CASE("mini_redis: what has expired is gone, whether or not somebody asks for it") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    raw_client me(server);
    me.talks("SET asked 1 PX 5\r\nSET swept 1 PX 5\r\nSET stays 1\r\nTTL stays\r\n",
             "+OK\r\n+OK\r\n+OK\r\n:-1\r\n");
    me.talks("EXPIRE stays 100\r\nTTL stays\r\nSET stays 2\r\nTTL stays\r\n",
             ":1\r\n:100\r\n+OK\r\n:-1\r\n");
    weft::await_sleep(10ms);  // virtual time does not reach another process
    me.talks("GET asked\r\nTTL asked\r\nEXISTS stays\r\n", "$-1\r\n:-2\r\n:1\r\n");
    me.talks("EXPIRE stays -1\r\nEXISTS stays\r\n", ":1\r\n:0\r\n");
    // DBSIZE counts what was not swept yet.
    std::string size = ":1\r\n";
    while (size == ":1\r\n") {
      me.says("DBSIZE\r\n");
      size = me.hears(4);
    }
    CHECK(size == ":0\r\n");
  });
}

TEST_CASE("mini_redis: requests come out right wherever the packets are cut") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    const std::string bytes = request({"SET", "key", "a\r\nb"}) + request({"GET", "key"}) +
                              "PING 'in line'\r\n" + request({"DEL", "key"});
    const std::string answer = "+OK\r\n$4\r\na\r\nb\r\n$7\r\nin line\r\n:1\r\n";
    raw_client me(server);
    for (std::size_t at = 1; at < bytes.size(); ++at) {
      CAPTURE(at);
      me.says(bytes.substr(0, at));
      wait_until_served(server);  // so that it has read the first part alone
      me.talks(bytes.substr(at), answer);
    }
    for (const char byte : bytes) {
      me.says(std::string(1, byte));
      weft::yield();
    }
    CHECK(me.hears(answer.size()) == answer);
  });
}

TEST_CASE("mini_redis: replies to requests that came together come in order, in one piece") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    raw_client me(server);
    std::string bytes;
    std::string answer;
    for (int i = 1; i <= 200; ++i) {
      bytes += request({"INCR", "n"});
      answer += ":" + std::to_string(i) + "\r\n";
    }
    me.says(bytes);
    std::string came(answer.size(), '\0');
    // One read: who writes each reply by itself is seldom so fast.
    CHECK(came.substr(0, me.stream().read_some(came.data(), came.size())) == answer);
  });
}

TEST_CASE("mini_redis: a client that sends much and reads late gets every reply") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    raw_client me(server);
    const std::string value(1024 * 1024, 'v');
    me.talks(request({"SET", "large", value}), "+OK\r\n");
    std::string many;
    for (int i = 0; i < 20; ++i) many += request({"GET", "large"});
    me.talks(many, "");
    raw_client other(server);
    other.talks("PING\r\n", "+PONG\r\n");  // is not held up
    const std::string one = "$1048576\r\n" + value + "\r\n";
    for (int i = 0; i < 20; ++i) CHECK((me.hears(one.size()) == one));
  });
}

TEST_CASE("mini_redis: a request that breaks the protocol, or a bound, ends the connection") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    const std::vector<std::pair<std::string, std::string>> all = {
        {"*x\r\n", "invalid multibulk length"},
        {"*1025\r\n", "invalid multibulk length"},
        {"*1\r\n:4\r\n", "expected '$', got ':'"},
        {"*1\r\n$-4\r\n", "invalid bulk length"},
        {"*1\r\n$1048577\r\n", "invalid bulk length"},
        {"*" + std::string(100, '1'), "too big mbulk count string"},
        {"ECHO 'a\r\n", "unbalanced quotes in request"},
        {std::string(70'000, 'x'), "too big inline request"},
    };
    for (const auto& one : all) {
      const std::string& bytes = one.first;
      const std::string& error = one.second;
      CAPTURE(error);
      raw_client me(server);
      me.says("PING\r\n" + bytes);
      CHECK(me.hears_to_the_end() == "+PONG\r\n-ERR Protocol error: " + error + "\r\n");
    }
    raw_client too_much(server);
    std::string large = "*1024\r\n";
    for (int i = 0; i < 17; ++i) large += "$1048576\r\n" + std::string(1024 * 1024, 'x') + "\r\n";
    try {
      too_much.says(large);
    } catch (const std::system_error&) {  // it is closed before all is written
    }
    too_much.hears_to_the_end();
    raw_client me(server);
    me.talks("QUIT\r\nPING\r\n", "+OK\r\n");
    CHECK(me.hears_to_the_end() == "");
  });
}

TEST_CASE("mini_redis: redis-cli runs scripts from stdin, and finds COMMAND and CONFIG") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_redis_tools()) WEFT_SKIP(no_redis_tools);
  const mini_redis_child server;
  const child_end piped =
      run_program({"sh", "-c", "printf 'set a 1\\nincr a\\nget a\\n' | redis-cli -p \"$0\"",
                   std::to_string(server.port())});
  CHECK(piped.output == "OK\n2\n2\n");
  const child_end in_bulk =
      run_program({"sh", "-c", "printf 'SET a 1\\r\\nINCR a\\r\\n' | redis-cli -p \"$0\" --pipe",
                   std::to_string(server.port())});
  CHECK(in_bulk.status == 0);
  CHECK(in_bulk.says("errors: 0, replies: 2"));
  CHECK(server.cli({"command", "count"}) == "25\n");
  CHECK(server.cli({"config", "get", "save"}) == "save\n\n");
}

TEST_CASE("mini_redis: redis-benchmark pipelines 64 deep, with 50 clients and with 500") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_redis_tools()) WEFT_SKIP(no_redis_tools);
  mini_redis_child server;
  const std::string requests = std::to_string(scaled(20'000, 3'000));
  const child_end all = server.run_tool(
      "redis-benchmark",
      {"-P", "64", "-c", "50", "-n", requests, "-t", "ping,set,get,incr,lpush,lpop", "-q"});
  CHECK(all.status == 0);
  for (const char* name : {"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "LPOP"}) {
    CHECK(all.says(std::string(name) + ": "));
  }
  CHECK_FALSE(all.says("rror"));
  CHECK_FALSE(all.says("WARNING"));  // it could not ask for the configuration
  const child_end many = server.run_tool(
      "redis-benchmark", {"-c", "500", "-n", requests, "-P", "64", "-t", "get", "-q"});
  CHECK(many.status == 0);
  CHECK(many.says("GET: "));
  CHECK(server.end_by(SIGTERM).status == 0);
}
