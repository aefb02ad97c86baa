// SPDX-License-Identifier: BSL-1.0
// What the servers among the examples share: their arguments, and serving until SIGINT or SIGTERM.
// No part of weft.
#pragma once

#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <string>

namespace server {

// What an option's name leads to: its value, and what --help says of it.
struct option {
  std::string value;
  const char* help;
};
using arguments = std::map<std::string, option>;

// The arguments of every server; a program may add its own.
inline arguments at_port(const char* port) {
  return {{"--host", {"127.0.0.1", "the address, or the name, to listen on"}},
          {"--port", {port, "the port; 0: any that is free"}}};
}

[[noreturn]] inline void wrong_usage(const char* program, const std::string& what) {
  std::fprintf(stderr, "%s: %s; see --help\n", program, what.c_str());
  std::exit(2);
}

// Replaces values by those on the command line. Ends the program after --help, and if something is
// wrong.
inline void read_arguments(int argc, char** argv, const char* program, arguments& all) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help") {
      std::printf("usage: %s [OPTION VALUE]...\n", program);
      for (const auto& [name, one] : all) {
        std::printf("  %-10s %s (default: %s)\n", name.c_str(), one.help, one.value.c_str());
      }
      std::exit(0);
    }
    const auto found = all.find(word);
    if (found == all.end()) wrong_usage(program, "unknown argument '" + word + "'");
    if (++i == argc) wrong_usage(program, word + " wants a value");
    found->second.value = argv[i];
  }
}

// True for a number from 0 to 65535.
inline bool is_port(const std::string& text) {
  const bool has_only_digits = text.find_first_not_of("0123456789") == std::string::npos;
  return has_only_digits && !text.empty() && text.size() <= 5 && std::stoi(text) <= 65535;
}

// Listens, gives each connection to `handler`, on a fiber of its own, and returns when SIGINT or
// SIGTERM has come and all connections are closed.
template <class Handler>
void serve_until_signal(const std::string& host, const std::string& port, Handler& handler) {
  weft::signal_set ends{SIGINT, SIGTERM};
  weft::tcp_listener listener = weft::tcp_listener::bind(weft::resolve(host, port).front());
  std::printf("listening on %s\n", listener.local_endpoint().to_string().c_str());
  std::fflush(stdout);  // for who reads it through a pipe
  // The first to end cancels the other one, and a cancelled serve() closes its connections.
  weft::race([&] { weft::serve(listener, handler); }, [&] { ends.wait(); });
}

// The whole of a server's main(); returns the exit status. `beside` runs on a fiber of its own
// meanwhile, and is cancelled at the end.
template <class Handler>
int run(
    const char* program, const arguments& given, Handler handler,
    const std::function<void()>& beside = [] {}) {
  const std::string& port = given.at("--port").value;
  if (!is_port(port)) wrong_usage(program, "--port wants a number up to 65535, not '" + port + "'");
  weft::options how;
  how.handle_sigint = false;  // the signal_set does
  try {
    weft::run(how, [&] {
      const weft::task<> other = weft::spawn(beside);
      serve_until_signal(given.at("--host").value, port, handler);
    });
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}

}  // namespace server
