// SPDX-License-Identifier: BSL-1.0
// Runs a ring's laps with empty caches: between two laps, untimed, it walks over a block that is
// larger than they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "measure.hpp"

namespace cost {

class cold_laps final : public contender {
 public:
  cold_laps(std::unique_ptr<contender> ring, std::uint64_t lap)
      : ring_(std::move(ring)), lap_(lap) {}

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = (operations + lap_ - 1) / lap_;
    std::uint64_t done = 0;
    for (std::uint64_t i = 0; i < laps; ++i) {
      const double begun = cpu_ns();
      for (std::size_t at = 0; at < block().size(); at += 64) ++block()[at];
      untimed_ns_ += cpu_ns() - begun;
      done += ring_->run(lap_);
    }
    return done;
  }
  std::uint64_t check(std::uint64_t operations) override { return ring_->check(operations); }

  double elsewhere_ns() const override { return ring_->elsewhere_ns() - untimed_ns_; }

 private:
  static std::vector<unsigned char>& block() {
    static std::vector<unsigned char> all(std::size_t{48} << 20);
    return all;
  }

  std::unique_ptr<contender> ring_;
  std::uint64_t lap_;
  double untimed_ns_ = 0;
};

// The same maker, with each lap of so many operations begun in the cold.
inline std::function<std::unique_ptr<contender>()> chilled(
    std::function<std::unique_ptr<contender>()> make, std::uint64_t lap) {
  return [make = std::move(make), lap]() -> std::unique_ptr<contender> {
    auto ring = make();
    if (ring == nullptr) return nullptr;
    return std::make_unique<cold_laps>(std::move(ring), lap);
  };
}

}  // namespace cost
