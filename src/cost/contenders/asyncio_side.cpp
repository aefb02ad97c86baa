// SPDX-License-Identifier: BSL-1.0
// Peer: Python's asyncio, by asyncio_peer.py. Its interpreter runs on from round to round.
#include "process.hpp"
#include "sides.hpp"

namespace cost {
namespace {

std::unique_ptr<contender> peer(std::vector<std::string> words) {
  words.insert(words.begin(), {"python3", peer_program("asyncio_peer.py")});
  return std::make_unique<process>(std::move(words));
}

std::unique_ptr<contender> make_sleepers(const sleepers_shape& shape) {
  if (!shape.is_warm) return nullptr;
  return peer({"sleepers", std::to_string(shape.fibers), std::to_string(shape.longest_ms)});
}

std::unique_ptr<contender> make_yields(const yield_shape& shape) {
  if (shape.is_mixed || shape.fibers > 1000) return nullptr;
  return peer({"turns", std::to_string(shape.fibers), std::to_string(shape.calls_above)});
}

std::unique_ptr<contender> make_spawns(const spawn_shape& shape) {
  return peer({"spawn", std::to_string(shape.batch)});
}

std::unique_ptr<contender> make_parked(const parked_shape& shape) {
  if (shape.has_live_frame) return nullptr;
  return peer({"parked", std::to_string(shape.fibers)});
}

// Its queues have no rendezvous: room for one is the least.
std::unique_ptr<contender> make_messages(const message_shape& shape) {
  if (shape.kind != message_kind::channel) return nullptr;
  return peer({"channel", std::to_string(shape.capacity == 0 ? 1 : shape.capacity)});
}

// A million tasks, and the three and a half of fib(32), would take it longer than all others.
std::unique_ptr<contender> make_teams(const team_shape& shape) {
  if (shape.kind == team_kind::skynet || shape.kind == team_kind::fork_join) return nullptr;
  return peer({shape.kind == team_kind::crowd ? "crowd" : "hops", std::to_string(shape.size)});
}

}  // namespace

const side asyncio_side = {"asyncio", nullptr,        &make_yields, &make_spawns,
                           nullptr,   &make_sleepers, &make_parked, 0,
                           nullptr,   &make_messages, &make_teams};

}  // namespace cost
