// SPDX-License-Identifier: BSL-1.0
// The echo handler with co_await; between the marks is what the report shows.
#include <memory>
#include <vector>

#include "cost/programs/co_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
using words = channel;

struct connection {
  words in{1};
  words out{1};
};

task<std::vector<std::uint64_t>> read_request(connection& peer) {
  std::vector<std::uint64_t> body(co_await peer.in.recv());
  for (std::uint64_t& word : body) word = co_await peer.in.recv();
  co_return body;
}

task<> write_reply(connection& peer, const std::vector<std::uint64_t>& body) {
  for (const std::uint64_t word : body) co_await peer.out.send(word);
}

started echo(connection& peer) {
  for (;;) {
    const std::vector<std::uint64_t> body = co_await read_request(peer);
    if (body.empty()) co_return 0;
    co_await write_reply(peer, body);
  }
}

task<std::uint64_t> ask(connection& peer) {
  co_await peer.in.send(4);
  std::uint64_t sum = 0;
  for (std::uint64_t word = 1; word <= 4; ++word) {
    co_await peer.in.send(word);
  }
  for (int i = 0; i < 4; ++i) sum += co_await peer.out.recv();
  co_await peer.in.send(0);
  co_return sum;
}

started serve_all(std::size_t connections) {
  std::vector<std::unique_ptr<connection>> peers;
  std::vector<started> handlers;
  for (std::size_t i = 0; i < connections; ++i) {
    peers.push_back(std::make_unique<connection>());
    handlers.push_back(echo(*peers.back()));
  }
  co_await yielding{};  // all handlers wait for their first word
  std::uint64_t sum = 0;
  for (auto& peer : peers) sum += co_await ask(*peer);
  for (auto& each : handlers) co_await each;
  co_return sum;
}
// end
}  // namespace

std::uint64_t echo_with_coroutines(std::size_t tasks) { return run_coroutines(&serve_all, tasks); }

}  // namespace cost
