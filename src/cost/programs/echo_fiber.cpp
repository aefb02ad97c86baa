// SPDX-License-Identifier: BSL-1.0
// The echo handler over fibers; between the marks is what the report shows.
#include <weft/weft.hpp>

#include <memory>
#include <vector>

#include "cost/programs/fiber_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
using words = weft::local::channel<std::uint64_t>;

struct connection {
  words in{1};
  words out{1};
};

std::vector<std::uint64_t> read_request(connection& peer) {
  std::vector<std::uint64_t> body(*peer.in.recv());
  for (std::uint64_t& word : body) word = *peer.in.recv();
  return body;
}

void write_reply(connection& peer, const std::vector<std::uint64_t>& body) {
  for (const std::uint64_t word : body) peer.out.send(word);
}

void echo(connection& peer) {
  for (;;) {
    const std::vector<std::uint64_t> body = read_request(peer);
    if (body.empty()) return;
    write_reply(peer, body);
  }
}

std::uint64_t ask(connection& peer) {
  peer.in.send(4);
  std::uint64_t sum = 0;
  for (std::uint64_t word = 1; word <= 4; ++word) {
    peer.in.send(word);
  }
  for (int i = 0; i < 4; ++i) sum += *peer.out.recv();
  peer.in.send(0);
  return sum;
}

std::uint64_t serve_all(std::size_t connections) {
  std::vector<std::unique_ptr<connection>> peers;
  std::vector<weft::task<>> handlers;
  for (std::size_t i = 0; i < connections; ++i) {
    peers.push_back(std::make_unique<connection>());
    handlers.push_back(weft::spawn([peer = peers.back().get()] { echo(*peer); }));
  }
  weft::yield();  // all handlers wait for their first word
  std::uint64_t sum = 0;
  for (auto& peer : peers) sum += ask(*peer);
  for (auto& each : handlers) each.get();
  return sum;
}
// end
}  // namespace

std::uint64_t echo_with_fibers(std::size_t tasks) { return run_fibers(&serve_all, tasks); }

}  // namespace cost
