// SPDX-License-Identifier: BSL-1.0
// Conformance of a backend: where the stack stands when a side begins, what a switch writes to it,
// and what the compiler's stack protector finds there.
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "conformance/patterns.hpp"
#include "context/flow.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::flow;
using weft_tests::hop;
using weft_tests::no_leaks;

namespace {

// Stores 16 bytes with the instruction that faults on any other address, where the compiler was
// promised an aligned stack; tells how far from alignment the locals are.
WEFT_NOINLINE std::uintptr_t misalignment() {
  alignas(16) volatile char vector[16] = {1};
  alignas(64) volatile char line[64] = {2};
#if defined(__x86_64__)
  asm volatile("movaps %%xmm0, %0" : "=m"(vector));
#else
  asm volatile("str q0, %0" : "=m"(vector));
#endif
  asm volatile("" : : "r"(&line) : "memory");
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) % 16 |
         reinterpret_cast<std::uintptr_t>(&vector) % 16 |
         reinterpret_cast<std::uintptr_t>(&line) % 64;
}

// Begins directly where the backend's assembly calls: no frame of the tests lies between.
struct bare_entry : weft::detail::context {
  weft::detail::context back;
  weft::detail::context* next = &back;
  std::uintptr_t frame = 1;

  WEFT_NO_SANITIZE static weft::detail::context* enter(weft::detail::context* self) noexcept {
    auto& mine = *static_cast<bare_entry*>(self);
    mine.frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) % 16;
    return mine.next;
  }
};

alignas(64) char entry_stacks[2][64 * 1024];

void prepare(bare_entry& fresh, int stack, std::size_t lower) {
  char* const top = entry_stacks[stack] + sizeof entry_stacks[stack] - lower;
  weft::detail::make_context(fresh, top, sizeof entry_stacks[stack] - lower, &bare_entry::enter);
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": sem 86: the stack is 16-byte aligned at entry, from any top") {
  if (weft_tests::is_tsan) WEFT_SKIP("nobody tells ThreadSanitizer of these contexts");
  for (std::size_t lower = 0; lower < 256; ++lower) {  // odd tops, too
    bare_entry first;
    bare_entry second;
    prepare(first, 0, lower);
    prepare(second, 1, lower);
    first.next = &second;  // begins by another's end, not by a switch
    second.next = &first.back;
    WEFT_C_NAME(context_switch)(&first.back, &first);
    CHECK(first.frame == 0);
    CHECK(second.frame == 0);
  }
}

TEST_CASE_FIXTURE(
    no_leaks, WEFT_BACKEND_NAME
    ": sem 86: vector stores find an aligned stack in every fiber, also after parks") {
  run([] {
    std::vector<weft::task<std::uintptr_t>> fibers;
    for (int i = 0; i < 100; ++i) {
      fibers.push_back(weft::spawn([] {
        std::uintptr_t off = misalignment();
        weft::yield();
        off |= misalignment();
        // A fresh fiber on the stack of one that has just ended.
        off |= weft::spawn(&misalignment).get();
        return off;
      }));
    }
    std::uintptr_t off = misalignment();
    for (auto& one : fibers) off |= one.get();
    CHECK(off == 0);
  });
}

namespace {

constexpr char paint = '\xa5';
constexpr std::size_t painted_bytes = 1024;

struct painted {
  char* sp = nullptr;  // of the caller, at its call of the switch
  char above[256];     // what lies above it, before
};

// Bytes that a suspended side's switch wrote below its handle or above the caller's stack pointer,
// but for the `spared` right below the handle.
std::size_t bytes_out_of_place(const flow& suspended, const painted& was, std::size_t spared) {
  const char* const low = was.sp - painted_bytes;
  const auto* const handle = static_cast<const char*>(suspended.sp);
  REQUIRE(handle > low);
  REQUIRE(handle < was.sp);
  std::size_t found = 0;
  for (const char* at = low; at < handle - spared; ++at) found += *at != paint ? 1 : 0;
  for (std::size_t i = 0; i < sizeof was.above; ++i) found += was.sp[i] != was.above[i] ? 1 : 0;
  return found;
}

std::size_t written_out_of_place(flow& here, flow& there, painted& was, std::size_t spared) {
  hop(here, there);
  std::memcpy(was.above, was.sp, sizeof was.above);  // the switch came from there just now
  const std::size_t while_leaving = bytes_out_of_place(there, was, spared);
  flow passing([&](flow&) { return &here; });
  hop(here, passing);  // others come and go
  const std::size_t later = bytes_out_of_place(there, was, spared);
  hop(here, there);
  return while_leaving + later;
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME
          ": torture 45: a switch writes between its handle and the caller only") {
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers write to the stack, too");
  flow here;
  painted was;
  flow there([&](flow& self) {
    char canvas[512];  // so that what lies above belongs to this stack
    weft_tests_call_over_paint(weft_tests::bare_switch(here),
                               static_cast<weft::detail::context*>(&self),
                               static_cast<weft::detail::context*>(&here), &was.sp);
    asm volatile("" : : "r"(canvas) : "memory");
    return &here;
  });
  CHECK(written_out_of_place(here, there, was, 0) == 0);
}

TEST_CASE(WEFT_BACKEND_NAME
          ": torture 45: with other control words it writes no more than a red zone's first word") {
#if defined(__x86_64__)
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers write to the stack, too");
  flow here;
  painted was;
  flow there([&](flow& self) {
    char canvas[512];
    std::uint32_t before = 0;
    asm volatile("stmxcsr %0" : "=m"(before));
    const std::uint32_t flush = before | 0x8000U;
    asm volatile("ldmxcsr %0" : : "m"(flush));
    weft::detail::note_float_control(self);
    weft_tests_call_over_paint(weft_tests::bare_switch(here),
                               static_cast<weft::detail::context*>(&self),
                               static_cast<weft::detail::context*>(&here), &was.sp);
    asm volatile("ldmxcsr %0" : : "m"(before));
    asm volatile("" : : "r"(canvas) : "memory");
    return &here;
  });
  CHECK(written_out_of_place(here, there, was, 8) == 0);
#else
  WEFT_SKIP("AArch64 has no red zone, and FPCR needs no memory");
#endif
}

namespace {

// A leaf but for what weft::yield() makes inline: the compiler may keep all of it below the stack
// pointer, if it takes an inline switch for no call.
WEFT_NOINLINE std::uint64_t leaf_around_yield(std::uint64_t seed) {
  volatile std::uint64_t kept[12];
  for (std::uint64_t i = 0; i < 12; ++i) kept[i] = seed + i;
  weft::yield();
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 12; ++i) sum += kept[i] ^ (seed + i);
  return sum;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, WEFT_BACKEND_NAME
                  ": torture 45: what a leaf function keeps in its red zone survives its yield") {
  run([] {
    std::vector<weft::task<std::uint64_t>> fibers;
    for (std::uint64_t i = 0; i < 50; ++i) {
      fibers.push_back(weft::spawn([i] {
        std::uint64_t changed = 0;
        for (std::uint64_t round = 0; round < 100; ++round) {
          changed |= leaf_around_yield(i * 1000 + round);
        }
        return changed;
      }));
    }
    for (auto& one : fibers) CHECK(one.get() == 0);
  });
}

namespace {

// What -fstack-protector compares with; a fiber would die of another word at its first return.
std::uint64_t protector_word() {
#if defined(__x86_64__)
  std::uint64_t word = 0;
  asm volatile("movq %%fs:0x28, %0" : "=r"(word));
  return word;
#else
  return 0;  // one variable of libc for the whole process
#endif
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  WEFT_BACKEND_NAME ": H28: the stack protector's word is the same everywhere") {
  const std::uint64_t here = protector_word();
  std::uint64_t on_thread = ~here;
  std::uint64_t in_its_fiber = ~here;
  std::thread([&] {
    on_thread = protector_word();
    weft::run([&] { in_its_fiber = weft::spawn(&protector_word).get(); });
  }).join();
  CHECK(on_thread == here);
  CHECK(in_its_fiber == here);
  CHECK(run([] { return weft::spawn(&protector_word).get(); }) == here);
}
