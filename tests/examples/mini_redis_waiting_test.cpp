// SPDX-License-Identifier: BSL-1.0
// Clients of the example mini_redis that wait for what others do: BLPOP, publish and subscribe.
#include <doctest/doctest.h>

#include <string>
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

TEST_CASE("mini_redis: BLPOP serves the longest waiter first") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    std::vector<raw_client> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.emplace_back(server);
      waiters.back().says("BLPOP other queue queue 0\r\n");
      wait_until_served(server);
    }
    raw_client pusher(server);
    // The length is that before anybody was served, as in Redis.
    pusher.talks("RPUSH queue a b\r\nRPUSH queue c d\r\nLLEN queue\r\n", ":2\r\n:2\r\n:1\r\n");
    for (std::size_t i = 0; i < waiters.size(); ++i) {
      const std::string value(1, static_cast<char>('a' + i));
      const std::string answer = "*2\r\n$5\r\nqueue\r\n$1\r\n" + value + "\r\n";
      CHECK(waiters[i].hears(answer.size()) == answer);
    }
    // None of them is in the queue of the other key any more.
    pusher.talks("RPUSH other x\r\nLLEN other\r\n", ":1\r\n:1\r\n");
  });
}

TEST_CASE("mini_redis: BLPOP takes at once what is there, gives up in time, and then goes on") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    raw_client me(server);
    me.talks("RPUSH b 1\r\nBLPOP a b 0\r\n", ":1\r\n*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
    me.talks("BLPOP a b 0.005\r\nPING\r\n", "*-1\r\n+PONG\r\n");
    // Replies to what came before it are not held back, and what came behind it waits.
    me.talks("ECHO before\r\nBLPOP a 0\r\nECHO behind\r\n", "$6\r\nbefore\r\n");
    me.says("ECHO later\r\n");
    raw_client(server).talks("LPUSH a x y\r\n", ":2\r\n");
    me.talks("", "*2\r\n$1\r\na\r\n$1\r\ny\r\n$6\r\nbehind\r\n$5\r\nlater\r\n");
  });
}

TEST_CASE("mini_redis: a client that went away while it waited in BLPOP gets nothing") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    {
      raw_client gone(server);
      gone.says("BLPOP queue 0\r\n");
      wait_until_served(server);
      gone.stream().shutdown_write();
      CHECK(gone.hears_to_the_end() == "");
    }
    raw_client me(server);
    me.talks("RPUSH queue a\r\nLLEN queue\r\n", ":1\r\n:1\r\n");
  });
}

TEST_CASE("mini_redis: what is published comes to those who subscribed, and only to them") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    raw_client ann(server);
    raw_client bob(server);
    ann.talks(
        "SUBSCRIBE a b\r\n",
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
    bob.talks("SUBSCRIBE b\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n");
    raw_client speaker(server);
    speaker.talks("PUBLISH a 1\r\nPUBLISH b 2\r\nPUBLISH c 3\r\n", ":1\r\n:2\r\n:0\r\n");
    const std::string one = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n";
    const std::string two = "*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\n2\r\n";
    CHECK(ann.hears(one.size() + two.size()) == one + two);
    CHECK(bob.hears(two.size()) == two);

    ann.talks("PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    ann.talks("GET a\r\n",
              "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
              "RESET are allowed in this context\r\n");
    ann.talks("UNSUBSCRIBE b\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n");
    speaker.talks("PUBLISH b 2\r\nPUBLISH a 1\r\n", ":1\r\n:1\r\n");
    ann.talks("UNSUBSCRIBE\r\nGET a\r\n",
              one + "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n$-1\r\n");
    bob.stream().close();
    wait_until_served(server);
    speaker.talks("PUBLISH b 2\r\n", ":0\r\n");
  });
}

TEST_CASE("mini_redis: a subscriber who does not read is disconnected; the others miss nothing") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    const mini_redis_child server;
    raw_client mute(server);
    raw_client reader(server);
    const std::string subscribed = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    mute.talks("SUBSCRIBE a\r\n", subscribed);
    reader.talks("SUBSCRIBE a\r\n", subscribed);
    raw_client speaker(server);
    const std::string text(100'000, '.');
    const std::string message = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$100000\r\n" + text + "\r\n";
    std::string receivers = ":2\r\n";
    for (int i = 0; receivers == ":2\r\n" && i < 1000; ++i) {
      speaker.says(request({"PUBLISH", "a", text}));
      receivers = speaker.hears(4);
      CHECK((reader.hears(message.size()) == message));
    }
    CHECK(receivers == ":1\r\n");
    const std::string rest = mute.hears_to_the_end();
    CHECK((rest.substr(0, message.size()) == message));
    reader.talks("UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
  });
}
