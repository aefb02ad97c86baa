// SPDX-License-Identifier: BSL-1.0
// The context layer alone: save here, continue there. No fiber and no loop takes part.
#include "weft/detail/context.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <unwind.h>

#include <doctest/doctest.h>

#include "flow.hpp"
#include "support/skip.hpp"

using weft_tests::flow;
using weft_tests::hop;

TEST_CASE("context: each switch continues the other side where it stopped") {
  flow here;
  std::vector<int> order;
  flow there([&](flow& self) {
    for (int i = 0; i < 3; ++i) {
      order.push_back(100 + i);
      hop(self, here);
    }
    return &here;
  });
  for (int i = 0; i < 4; ++i) {
    order.push_back(i);
    hop(here, there);
  }
  CHECK(order == std::vector<int>{0, 100, 1, 101, 2, 102, 3});
}

#if !WEFT_CONTEXT_ASM  // fcontext needs it: asm/README.md
TEST_CASE("context: `from` names the one who switched here last, three parties in a circle") {
  flow here;
  flow* second = nullptr;
  std::vector<const weft::detail::context*> seen;
  flow first([&](flow& self) {
    seen.push_back(self.from);
    hop(self, *second);
    seen.push_back(self.from);
    return &here;
  });
  flow other([&](flow& self) {
    seen.push_back(self.from);
    hop(self, here);
    seen.push_back(self.from);
    return &first;
  });
  second = &other;
  hop(here, first);
  CHECK(here.from == &other);
  hop(here, other);
  // One that has ended may be gone: its successor is told of nobody else.
  CHECK(here.from == &here);
  CHECK(seen == std::vector<const weft::detail::context*>{&here, &first, &here, &first});
}
#endif

TEST_CASE("context: what entry returns is continued, fresh or suspended") {
  flow here;
  std::vector<int> order;
  flow second([&](flow&) {
    order.push_back(2);
    return &here;
  });
  flow first([&](flow&) {
    order.push_back(1);
    return &second;
  });
  flow waiting([&](flow& self) {
    order.push_back(3);
    hop(self, here);
    order.push_back(4);
    return &here;
  });
  flow third([&](flow&) { return &waiting; });
  hop(here, first);
  hop(here, waiting);
  hop(here, third);
  CHECK(order == std::vector<int>{1, 2, 3, 4});
}

namespace {

struct places {
  std::uintptr_t frame = 1;
  std::uintptr_t sixteen = 1;
  std::uintptr_t sixty_four = 1;
};

// What the ABI promises a function: rsp + 8 (or sp) is a multiple of 16 where it is entered. A
// compiler trusts that for a 16-byte local and stores it with movaps.
WEFT_NOINLINE void note_places(places& into) {
  alignas(16) volatile char vector[16] = {1};
  alignas(64) volatile char line[64] = {2};
  into.frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) % 16;
  into.sixteen = reinterpret_cast<std::uintptr_t>(&vector) % 16;
  into.sixty_four = reinterpret_cast<std::uintptr_t>(&line) % 64;
}

}  // namespace

TEST_CASE("sem 86: the stack is 16-byte aligned at entry, wherever its top is staggered to") {
  for (std::size_t lines = 0; lines < 32; ++lines) {
    flow here;
    places found;
    flow there(
        [&](flow&) {
          note_places(found);
          return &here;
        },
        lines * 64);
    hop(here, there);
    CHECK(found.frame == 0);
    CHECK(found.sixteen == 0);
    CHECK(found.sixty_four == 0);
  }
}

namespace {

struct alignas(16) four_floats {
  float at[4];
};

// All of it alive over every hop, so it sits in callee-saved registers or spills around them.
WEFT_NOINLINE std::uint64_t mix_across_hops(flow& self, flow& to, std::uint64_t seed, int hops) {
  std::uint64_t a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 11, f = seed * 13;
  std::uint64_t g = seed * 17, h = seed * 19;
  double x = static_cast<double>(seed), y = x * 2;
  four_floats v{{1, 2, 3, static_cast<float>(seed)}};
  for (int i = 0; i < hops; ++i) {
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
    hop(self, to);
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
    a += b ^ h, b += c, c += d, d += e, e += f, f += g, g += h, h += a >> 7;
    x += y * 0.5, y -= 0.25;
    for (float& one : v.at) one += 1;
  }
  const std::uint64_t floats = static_cast<std::uint64_t>(static_cast<std::int64_t>(x + y)) +
                               static_cast<std::uint64_t>(v.at[0] + v.at[3]);
  return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ floats;
}

}  // namespace

TEST_CASE("context: values in registers survive a hundred thousand switches on both sides") {
  constexpr int hops = 100'000;
  flow here;
  flow idle([&](flow& self) {
    for (;;) hop(self, here);
    return &here;
  });
  const std::uint64_t expected_here = mix_across_hops(here, idle, 12345, hops);
  const std::uint64_t expected_there = mix_across_hops(here, idle, 67890, hops);
  std::uint64_t got_there = 0;
  flow there([&](flow& self) {
    got_there = mix_across_hops(self, here, 67890, hops);
    return &here;
  });
  const std::uint64_t got_here = mix_across_hops(here, there, 12345, hops);
  hop(here, there);
  CHECK(got_here == expected_here);
  CHECK(got_there == expected_there);
}

TEST_CASE("context: every callee-saved register keeps its pattern while the other side ruins it") {
#if defined(__x86_64__)
  flow here;
  flow there([&](flow& self) {
    for (;;) {
      asm volatile(
          "mov $-1, %%rbx\n\tmov $-1, %%r12\n\tmov $-1, %%r13\n\tmov $-1, %%r14\n\t"
          "mov $-1, %%r15"
          :
          :
          : "rbx", "r12", "r13", "r14", "r15");
      hop(self, here);
    }
    return &here;
  });
  std::uint64_t differing = 0;
  for (std::uint64_t round = 1; round <= 1000; ++round) {
    register std::uint64_t b asm("rbx") = round * 0x0101010101010101U;
    register std::uint64_t c asm("r12") = b ^ 1;
    register std::uint64_t d asm("r13") = b ^ 2;
    register std::uint64_t e asm("r14") = b ^ 3;
    register std::uint64_t f asm("r15") = b ^ 4;
    asm volatile("" : "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    hop(here, there);
    asm volatile("" : "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    const std::uint64_t is = round * 0x0101010101010101U;
    differing |= (b ^ is) | (c ^ is ^ 1) | (d ^ is ^ 2) | (e ^ is ^ 3) | (f ^ is ^ 4);
  }
  CHECK(differing == 0);
#else
  MESSAGE("x86-64 only; the test above covers what the compiler keeps in registers");
#endif
}

TEST_CASE("context: an exception is thrown and caught inside, and inside a hop away") {
  if (weft_tests::is_asan) WEFT_SKIP("nobody tells AddressSanitizer where a bare stack lies");
  flow here;
  std::string caught;
  flow there([&](flow& self) {
    try {
      hop(self, here);
      throw std::runtime_error("inside");
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    return &here;
  });
  hop(here, there);
  hop(here, there);
  CHECK(caught == "inside");
}

TEST_CASE("context: a million switches come back a million times") {
  constexpr std::uint64_t rounds = 500'000;
  flow here;
  std::uint64_t there_count = 0;
  flow there([&](flow& self) {
    for (;;) {
      ++there_count;
      hop(self, here);
    }
    return &here;
  });
  std::uint64_t here_count = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    hop(here, there);
    ++here_count;
  }
  CHECK(here_count == rounds);
  CHECK(there_count == rounds);
}

extern "C" void WEFT_C_NAME(context_entry)();

namespace {

// Looks down its own stack. The entry thunk calls it directly, so that no frame lies between.
struct looker : weft::detail::context {
  weft::detail::context back;
  void* frame_below = &back;       // what a walker along frame pointers finds next
  void* outermost_call = nullptr;  // the function where unwinders end

  static weft::detail::context* look(weft::detail::context* self) noexcept {
    looker& mine = *static_cast<looker*>(self);
    mine.frame_below = *static_cast<void**>(__builtin_frame_address(0));
    _Unwind_Backtrace(&note_function, &mine.outermost_call);
    return &mine.back;
  }

  static _Unwind_Reason_Code note_function(_Unwind_Context* frame, void* into) {
    const auto address = _Unwind_GetIP(frame);
    if (address != 0) {
      *static_cast<void**>(into) =
          _Unwind_FindEnclosingFunction(reinterpret_cast<void*>(address - 1));
    }
    return _URC_NO_REASON;
  }
};

looker look_from_a_fresh_context() {
  alignas(64) static char stack[256 * 1024];
  looker fresh;
  weft::detail::make_context(fresh, stack + sizeof stack, sizeof stack, &looker::look);
  WEFT_C_NAME(context_switch)(&fresh.back, &fresh);
  return fresh;
}

}  // namespace

TEST_CASE("H20: walkers along frame pointers meet a null frame at a context's entry") {
  CHECK(look_from_a_fresh_context().frame_below == nullptr);
}

TEST_CASE("H20: the outermost frame that unwinders see is weft's own entry") {
  CHECK(look_from_a_fresh_context().outermost_call ==
        reinterpret_cast<void*>(&WEFT_C_NAME(context_entry)));
}
