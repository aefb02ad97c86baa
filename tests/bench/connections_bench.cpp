// SPDX-License-Identifier: BSL-1.0
// connections: what an echo server keeps for each of 10,000 connections that have had one answer
// and are silent since: resident bytes and page tables, the kernel's socket buffers apart.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "program.hpp"
#include "server_process.hpp"

namespace {

using namespace cost;

std::vector<row> rows(const arguments& given) {
  raise_descriptor_limit();
  row one;
  one.fibers = given.is_quick ? 1000 : 10000;
  one.name = std::to_string(static_cast<int>(one.fibers)) + " silent connections";
  for (const echo_program& each : echo_programs()) {
    one.entries.push_back({each.side, nullptr});
  }
  for (const char* const side : {weft_asm, weft_fcontext}) {
    one.goals.push_back({side, nullptr, 6 * 1024});
  }
  return {one};
}

double bytes_of(const server_process& server) {
  return server.figure("VmRSS:") + server.figure("VmPTE:");
}

double bytes_each(const char* path, double connections) {
  const server_process server(path);
  std::vector<int> peers;
  const auto ask_one_more = [&] {
    peers.push_back(server.connect());
    ask(peers.back(), echo_request());
    take_answer(peers.back(), echo_request());
  };
  ask_one_more();  // its first allocations are no connection's
  const double before = bytes_of(server);
  while (static_cast<double>(peers.size()) < connections) ask_one_more();
  const double grown = bytes_of(server) - before;
  for (const int peer : peers) ::close(peer);
  return grown / (connections - 1);
}

std::vector<row_result> take(const row& what, const pace&) {
  row_result result;
  result.name = what.name;
  result.goals = what.goals;
  for (const echo_program& each : echo_programs()) {
    try {
      result.sides.push_back({each.side, {bytes_each(each.path, what.fibers)}});
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", each.side, error.what());
    }
  }
  return {result};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"connections", {"bytes", 1, 0}, &rows, &take}, argc, argv);
}
