// SPDX-License-Identifier: BSL-1.0
// A server as a process of its own, on the machine's last core, and connections to it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace cost {

struct echo_program {
  const char* side;  // "weft asm", "libuv"
  const char* path;
};

// Those that this build has.
std::vector<echo_program> echo_programs();

inline constexpr const char* raw_epoll = "raw epoll";

class server_process {
 public:
  // A program that prints its port, maybe behind other words and a colon, as its first line.
  // Throws: std::runtime_error
  explicit server_process(const char* program);
  explicit server_process(std::vector<std::string> command);
  // One that is told it; waits until it listens.  Throws: std::runtime_error
  server_process(std::vector<std::string> command, int port);
  ~server_process();  // kills it
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  int connect() const;    // a blocking socket, TCP_NODELAY.  Throws: std::runtime_error
  double cpu_ns() const;  // what it has used so far
  double figure(const char* name) const;  // of /proc/PID/status, in bytes: "VmRSS:"

 private:
  void start(std::vector<std::string> command, int output);

  pid_t pid_ = 0;
  int port_ = 0;
};

int free_port();  // of the loopback address

// Sends a request; takes what must be the answer.  Throws: std::runtime_error
void ask(int peer, std::string_view request);
void take_answer(int peer, std::string_view answer);

// What an echo server is asked: 64 bytes.
std::string_view echo_request();

// As many descriptors as the system allows, for this process and those it starts.
void raise_descriptor_limit();

}  // namespace cost
