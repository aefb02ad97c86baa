// SPDX-License-Identifier: BSL-1.0
// Where the C++20 peer's frames come from: a pool, or malloc. A promise inherits from
// allocating<...>; everything else about it is the same, so that a row of both shows the allocator.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace cost {

// Frames of one size are taken again, last in first out.
struct pooled_frames {
  static void* take(std::size_t bytes) {
    head*& first = of(bytes);
    if (first == nullptr) return std::malloc(rounded(bytes));
    return std::exchange(first, first->next);
  }
  static void give(void* frame, std::size_t bytes) noexcept {
    head*& first = of(bytes);
    auto* const mine = static_cast<head*>(frame);
    mine->next = first;
    first = mine;
  }

 private:
  struct head {
    head* next;
  };
  static std::size_t rounded(std::size_t bytes) noexcept { return (bytes + 63) / 64 * 64; }
  static head*& of(std::size_t bytes) noexcept {
    static head* all[64];  // frames of up to 4 KiB
    return all[rounded(bytes) / 64];
  }
};

struct malloced_frames {
  static void* take(std::size_t bytes) { return std::malloc(bytes); }
  static void give(void* frame, std::size_t) noexcept { std::free(frame); }
};

// As the compiler makes them if nobody says otherwise.
struct ordinary_frames {
  static void* take(std::size_t bytes) { return ::operator new(bytes); }
  static void give(void* frame, std::size_t) noexcept { ::operator delete(frame); }
};

template <class Frames>
struct allocating {
  static void* operator new(std::size_t bytes) { return Frames::take(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { Frames::give(frame, bytes); }
};

// What a source named with -DCOST_FRAMES=pooled_frames builds its tasks on.
#ifdef COST_FRAMES
namespace {
using frames = COST_FRAMES;
}
#endif

}  // namespace cost
