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

namespace bench {

// Shared by all who take turns. Only the driver counts; zero sends everybody home.
struct lap_count {
  std::uint64_t left = 0;
};

// An empty asm with a number of its own keeps two copies from being folded into one, and makes the
// call above it no tail call.
template <int Kind, int Calls, class Leaf>
[[gnu::noinline]] void call_chain(Leaf& leaf) {
  if constexpr (Calls == 1) {
    leaf();
  } else {
    call_chain<Kind, Calls - 1>(leaf);
  }
  asm volatile("" : : "i"(Kind * 8 + Calls) : "memory");
}

template <int Kind, int Calls, class Leaf>
[[gnu::noinline]] void spin(lap_count& laps, bool is_driver, Leaf leaf) {
  do {
    if constexpr (Calls == 0) {
      leaf();
    } else {
      call_chain<Kind, Calls>(leaf);
    }
    asm volatile("" : : "i"(Kind * 8 + Calls) : "memory");
    if (is_driver) --laps.left;
  } while (laps.left != 0);
}

template <class Leaf>
using spinner = void (*)(lap_count&, bool, Leaf);

template <class Leaf>
spinner<Leaf> spinner_of(int kind, int calls_above) {
  static constexpr spinner<Leaf> spinners[2][3] = {
      {&spin<0, 0, Leaf>, &spin<0, 1, Leaf>, &spin<0, 4, Leaf>},
      {&spin<1, 0, Leaf>, &spin<1, 1, Leaf>, &spin<1, 4, Leaf>}};
  return spinners[kind][calls_above == 0 ? 0 : calls_above == 1 ? 1 : 2];
}

// A call chain that suspends once, at its end. The sum keeps each frame alive over the call.
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

template <class Leaf>
[[gnu::noinline]] void dive_forever(lap_count& laps, unsigned depth, Leaf leaf) {
  while (laps.left != 0) dive(depth, leaf);
}

inline std::uint64_t laps_for(std::uint64_t operations, std::uint64_t per_lap) noexcept {
  return (operations + per_lap - 1) / per_lap;
}

}  // namespace bench
