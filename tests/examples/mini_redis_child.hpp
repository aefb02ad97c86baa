// SPDX-License-Identifier: BSL-1.0
// The example mini_redis in a child process, and who talks to it: Redis' own tools, and raw
// streams, where it matters how bytes are cut and who comes first.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "examples/programs.hpp"
#include "support/child.hpp"
#include "support/server_child.hpp"
#include "weft/io.hpp"

namespace weft_tests {

inline constexpr const char* no_redis_tools =
    "no redis-cli and redis-benchmark (Debian: redis-tools)";

inline bool has_redis_tools() {
  static const bool has = run_program({"redis-cli", "--version"}).status == 0 &&
                          run_program({"redis-benchmark", "--version"}).status == 0;
  return has;
}

class mini_redis_child : public server_child {
 public:
  mini_redis_child() : server_child(program("mini_redis").string()) {}

  // What redis-cli prints for a command.
  std::string cli(std::vector<std::string> words) const {
    return run_tool("redis-cli", std::move(words)).output;
  }
  child_end run_tool(const std::string& tool, std::vector<std::string> words) const {
    words.insert(words.begin(), {tool, "-h", "127.0.0.1", "-p", std::to_string(port())});
    return run_program(words);
  }
};

// A connection that says exactly the bytes it is told, and compares what comes back.
class raw_client {
 public:
  explicit raw_client(const server_child& server)
      : stream_(weft::tcp_stream::connect(weft::endpoint::loopback_ipv4(server.port()))) {}

  void says(const std::string& bytes) { stream_.write_all(bytes); }

  std::string hears(std::size_t bytes) {
    std::string all(bytes, '\0');
    std::size_t came = 0;
    try {
      stream_.read_exactly(all.data(), bytes, &came);
    } catch (const std::system_error&) {  // ended before
    }
    all.resize(came);
    return all;
  }

  // Says it, and is answered with exactly that, as far as it goes.
  void talks(const std::string& bytes, const std::string& answer) {
    says(bytes);
    CHECK(hears(answer.size()) == answer);
  }

  // All until the connection ends, in order or not.
  std::string hears_to_the_end() {
    std::string all;
    char block[16 * 1024];
    std::error_code error;
    while (const std::size_t bytes = stream_.read_some(block, sizeof block, error)) {
      all.append(block, bytes);
    }
    return all;
  }

  weft::tcp_stream& stream() { return stream_; }

 private:
  weft::tcp_stream stream_;
};

// The form in which clients send requests.
inline std::string request(const std::vector<std::string>& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return text;
}

// Lets the server handle what was sent to it before, by whomever: it serves those who sent first
// first, and this comes last.
inline void wait_until_served(const server_child& server) {
  raw_client last(server);
  for (int i = 0; i < 2; ++i) last.talks("PING\r\n", "+PONG\r\n");
}

}  // namespace weft_tests
