// SPDX-License-Identifier: BSL-1.0
// legacy_redis: 200 blocking hiredis clients at once on one thread, the library as it is
//
//   legacy_redis [--host NAME] [--port N] [--fibers N]
//
// Each connects, waits 0.2 s for an element of a list that stays empty, and hangs up. For a server:
// redis-server --port 6379 --save ''
#include <hiredis/hiredis.h>

#include <memory>

#include "legacy_clients.hpp"

namespace {

// Knows nothing of weft.
std::string wait_for_element(const std::string& host, int port, int number) {
  const std::unique_ptr<redisContext, void (*)(redisContext*)> redis(
      redisConnect(host.c_str(), port), &redisFree);
  if (redis == nullptr) return "no memory for a connection";
  if (redis->err != 0) return host + ":" + std::to_string(port) + ": " + redis->errstr;
  auto* const reply = static_cast<redisReply*>(
      redisCommand(redis.get(), "BLPOP weft:example:%d 0.2", number));
  if (reply == nullptr) return redis->errstr;
  const std::string error = reply->type == REDIS_REPLY_ERROR ? reply->str : "";
  freeReplyObject(reply);
  return error;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace legacy_clients;
  server::arguments given = {
      {"--host", {environment_or("REDIS_HOST", "127.0.0.1"), "of the server; or REDIS_HOST"}},
      {"--port", {environment_or("REDIS_PORT", "6379"), "of the server; or REDIS_PORT"}},
      {"--fibers", {"200", "how many at once"}}};
  server::read_arguments(argc, argv, "legacy_redis", given);
  const std::string host = given["--host"].value;
  const int port = number_of(given, "legacy_redis", "--port");
  return run(
      "legacy_redis", number_of(given, "legacy_redis", "--fibers"),
      [&](int n) { return wait_for_element(host, port, n); },
      "Start a server (Debian: redis-server), then this again:\n"
      "  redis-server --port 6379 --save '' --daemonize yes");
}
