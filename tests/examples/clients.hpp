// SPDX-License-Identifier: BSL-1.0
// Clients of the example servers: netcat, weft's own streams under a time limit, and a member of
// the chat.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <system_error>

#include "examples/programs.hpp"
#include "support/child.hpp"
#include "support/server_child.hpp"
#include "weft/io.hpp"
#include "weft/weft.hpp"

namespace weft_tests {

constexpr const char* no_netcat = "no nc that knows -N (Debian: netcat-openbsd)";

inline bool has_netcat() {
  static const bool has = run_program({"nc", "-h"}).says("OpenBSD");
  return has;
}

// Runs the clients of a test. Who waits for an answer that does not come fails it.
inline void as_client(const std::function<void()>& body) {
  weft::options how;
  how.slow_step =
      std::chrono::seconds(0);  // a test waits for programs, too, and holds the thread meanwhile
  weft::run(how, [&] { weft::with_timeout(std::chrono::seconds(20), body); });
}

inline std::string a_megabyte() {
  std::mt19937_64 random(20);
  std::string bytes(1'000'000, '\0');
  for (char& one : bytes) one = static_cast<char>(random());
  return bytes;
}

// What comes back for `bytes`: nc sends them, says that these were all, and reads to the end.
inline child_end through_netcat(std::uint16_t port, const std::string& bytes) {
  const fs::path file =
      fs::temp_directory_path() / ("weft_servers_test." + std::to_string(getpid()));
  std::ofstream(file, std::ios::binary) << bytes;
  const child_end end = run_program(
      {"sh", "-c", "exec nc -N 127.0.0.1 \"$0\" <\"$1\"", std::to_string(port), file.string()});
  fs::remove(file);
  return end;
}

inline weft::tcp_stream connected_to(const server_child& server) {
  return weft::tcp_stream::connect(weft::endpoint::loopback_ipv4(server.port()));
}

inline std::string read_to_the_end(weft::tcp_stream& from) {
  std::string all;
  char block[16 * 1024];
  while (const std::size_t bytes = from.read_some(block, sizeof block)) all.append(block, bytes);
  return all;
}

inline std::string read_bytes(weft::tcp_stream& from, std::size_t count) {
  std::string all(count, '\0');
  from.read_exactly(all.data(), count);
  return all;
}

// True if the connection is over, in order or not.
inline bool has_ended(weft::tcp_stream& from) {
  char byte = 0;
  std::error_code error;
  return from.read_some(&byte, 1, error) == 0 && (!error || error == std::errc::connection_reset);
}

// Closes a connection so that the peer gets ECONNRESET (socket(7), SO_LINGER).
inline void break_off(weft::tcp_stream& connection) {
  const linger at_once{1, 0};
  setsockopt(connection.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  connection.close();
}

inline void say(weft::tcp_stream& to, const std::string& text, const std::string& answer) {
  to.write_all(text);
  CHECK(read_bytes(to, answer.size()) == answer);
}

// A member of the chat, who is in when this is made.
class guest {
 public:
  guest(const server_child& chat, const std::string& nick) : connection_(connected_to(chat)) {
    connection_.write_all(nick + "\n");
    CHECK(hears() == "* your nickname?");
    CHECK(hears() == "* welcome, " + nick);
  }

  void says(const std::string& line) { connection_.write_all(line + "\n"); }

  std::string hears() {
    while (rest_.find('\n') == std::string::npos) {
      char block[16 * 1024];
      const std::size_t bytes = connection_.read_some(block, sizeof block);
      if (bytes == 0) return "(the end)";
      rest_.append(block, bytes);
    }
    const std::string line = rest_.substr(0, rest_.find('\n'));
    rest_.erase(0, line.size() + 1);
    return line;
  }

  weft::tcp_stream& connection() { return connection_; }

 private:
  weft::tcp_stream connection_;
  std::string rest_;
};

}  // namespace weft_tests
