// SPDX-License-Identifier: BSL-1.0
// The code above the yield, the same for every stackful side: an endless loop, the calls between it
// and the yield, and the fresh chains. The driver is one of those that take turns and runs the same
// machine code as the others: a return that lands elsewhere costs a misprediction (15 to 20 ns),
// which would be the driver's, not the side's.
//
// A Leaf is a callable that lets the others run. It must be of an unnamed namespace: these
// templates are compiled several times into one program, with different flags.
#pragma once

#include <cstdint>

#include "side.hpp"

namespace cost {

// Shared by all who take turns. Only the driver counts; zero sends everybody home.
struct lap_count {
  std::uint64_t left = 0;
  std::uint64_t steps = 0;  // of all, while they are counted: to check that everybody had a turn
  bool is_counted = false;
};

// What a ring's check() tells: the turns that were taken in so many laps.
template <class Run>
std::uint64_t count_steps(lap_count& laps, Run&& run) {
  laps.steps = 0;
  laps.is_counted = true;
  run();
  laps.is_counted = false;
  return laps.steps;
}

// An empty asm with a number of its own keeps two copies from being folded into one, and makes the
// call above it no tail call.
template <int Kind, int Calls, class Leaf>
[[gnu::noinline]] void call_chain(Leaf& leaf) {
  if constexpr (Calls == 1) {
    leaf();
  } else {
    call_chain<Kind, Calls - 1>(leaf);
  }
  asm volatile("" : : "i"(Kind * 32 + Calls) : "memory");
}

template <int Kind, int Calls, class Leaf>
[[gnu::noinline]] void spin(lap_count& laps, bool is_driver, Leaf leaf) {
  do {
    if constexpr (Calls == 0) {
      leaf();
    } else {
      call_chain<Kind, Calls>(leaf);
    }
    asm volatile("" : : "i"(Kind * 32 + Calls) : "memory");
    if (laps.is_counted) ++laps.steps;
    if (is_driver) --laps.left;
  } while (laps.left != 0);
}

template <class Leaf>
using spinner = void (*)(lap_count&, bool, Leaf);

// Of 0, 1, 4, 16 in a table.
constexpr int place_of(int calls_above) {
  return calls_above == 0 ? 0 : calls_above == 1 ? 1 : calls_above == 4 ? 2 : 3;
}

template <class Leaf>
spinner<Leaf> spinner_of(int kind, int calls_above) {
  static constexpr spinner<Leaf> spinners[2][4] = {
      {&spin<0, 0, Leaf>, &spin<0, 1, Leaf>, &spin<0, 4, Leaf>, &spin<0, 16, Leaf>},
      {&spin<1, 0, Leaf>, &spin<1, 1, Leaf>, &spin<1, 4, Leaf>, &spin<1, 16, Leaf>}};
  return spinners[kind][place_of(calls_above)];
}

// A call chain that suspends at its end. The sum keeps each frame alive over the call.
template <class Leaf>
[[gnu::noinline]] unsigned dive(unsigned depth, Leaf& leaf) {
  unsigned below = 0;
  if (depth == 1) {
    leaf();
  } else {
    below = dive(depth - 1, leaf);
  }
  asm volatile("" : "+r"(below) : : "memory");
  return below + depth;
}

// What each chain's check() tells: a chain of depth d gives its sum, whoever makes it.
constexpr std::uint64_t dive_sum(unsigned depth) {
  return std::uint64_t{depth} * (depth + 1) / 2;
}

// Suspends again and again, each time one step.
template <class Leaf>
struct staying_leaf {
  lap_count& laps;
  Leaf& leaf;
  unsigned depth;
  void operator()() const {
    do {
      leaf();
      if (laps.is_counted) laps.steps += dive_sum(depth);
    } while (laps.left != 0);
  }
};

template <class Leaf>
[[gnu::noinline]] void dive_forever(lap_count& laps, const chain_shape& shape, Leaf leaf) {
  while (laps.left != 0) {
    if (shape.stays) {
      staying_leaf<Leaf> stays{laps, leaf, shape.depth};
      dive(shape.depth, stays);
    } else {
      const unsigned sum = dive(shape.depth, leaf);
      if (laps.is_counted) laps.steps += sum;
    }
  }
}

inline std::uint64_t laps_for(std::uint64_t operations, std::uint64_t per_lap) noexcept {
  return (operations + per_lap - 1) / per_lap;
}

}  // namespace cost
