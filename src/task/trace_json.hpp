// SPDX-License-Identifier: BSL-1.0
// The events of a debug::trace, and how they become slices and arrows. Layer: task.
// Source: "Trace Event Format", the document that chrome://tracing and Perfetto refer to.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <unordered_map>

#include "weft/detail/config.hpp"
#include "weft/testing.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct traced_event {
  time_point when{};
  const void* what = nullptr;  // a park: the wait's name, a C string; a spawn: spawn_site::where
  std::uint64_t fiber = 0;     // 0: the loop itself
  std::uint64_t other = 0;     // a park: whom for; a wake: who did; a spawn: the spawner; else 0
  unsigned line = 0;           // of a spawn
  testing::trace_kind kind{};
  bool stays_ready = false;  // a park that is a yield
};
static_assert(sizeof(traced_event) <= 48);

using fiber_names = std::unordered_map<std::uint64_t, std::string>;

// "a name", with what JSON wants escaped; bytes that are no UTF-8 as if they were Latin-1.
std::string json_string(const std::string& text);

class trace_writer {
 public:
  trace_writer(std::FILE* to, time_point begin, const fiber_names& names)
      : to_(to), begin_(begin), names_(names) {}

  void head();
  void event(const traced_event& e);
  void tail(time_point end, std::size_t recorded, std::uint64_t left_out);

 private:
  enum class phase : std::uint8_t { unknown, ready, running, waiting, over };
  struct track {
    phase now = phase::unknown;
    time_point since{};
    const char* wait = "";
    std::uint64_t awaited = 0;
    std::uint64_t arrow = 0;  // that ends in its next run
  };

  void write(const traced_event& e);
  track& track_of(std::uint64_t fiber);
  void enter(std::uint64_t fiber, phase next, time_point when, std::uint64_t by = 0);
  void slice(std::uint64_t fiber, const track& t, time_point end, std::uint64_t by);
  void begin_arrow(std::uint64_t from, std::uint64_t to, time_point when);
  void loop_runs(time_point when);
  void open_record(const char* phase_letter, std::uint64_t fiber, time_point when);
  std::string microseconds(duration span) const;

  std::FILE* to_;
  time_point begin_;
  const fiber_names& names_;
  std::unordered_map<std::uint64_t, track> tracks_;
  std::uint64_t arrows_ = 0;
  std::uint64_t ending_ = 0;  // it has ended and wakes who waited for that; 0: none
  time_point last_{};         // the event before
  bool is_first_ = true;
};

}  // namespace detail
WEFT_NAMESPACE_END
