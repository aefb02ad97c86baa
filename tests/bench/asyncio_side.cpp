// SPDX-License-Identifier: BSL-1.0
// Peer, for the sleepers only: Python's asyncio. Its interpreter runs on from round to round.
#include "process.hpp"
#include "sides.hpp"

namespace bench {
namespace {

std::unique_ptr<contender> make_sleepers(const sleepers_shape& shape) {
  if (!shape.is_warm) return nullptr;
  return std::make_unique<process>(std::vector<std::string>{BENCH_PYTHON, BENCH_ASYNCIO, "sleepers",
                                                            std::to_string(shape.fibers),
                                                            std::to_string(shape.longest_ms)});
}

}  // namespace

const side asyncio_side = {"asyncio", nullptr,        nullptr, nullptr,
                           nullptr,   &make_sleepers, nullptr, 0};

}  // namespace bench
