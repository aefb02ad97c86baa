// SPDX-License-Identifier: BSL-1.0
// See trace_json.hpp.
#include "trace_json.hpp"

#include <unistd.h>

#include <cinttypes>

#include "weft/detail/fiber.hpp"
#include "weft/version.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// How many bytes of a valid UTF-8 sequence begin here; 0: none.
std::size_t utf8_length(const std::string& text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  // Too long a form, a surrogate, or beyond the last code point.
  const unsigned char second = byte(at + 1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const auto c = static_cast<unsigned char>(text[at]);
    if (length == 0 || c < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
      ++at;
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out.append(text, at, length);
    at += length;
  }
  return out + '"';
}

std::string trace_writer::microseconds(duration span) const {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(span).count();
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(ns / 1000),
                static_cast<long long>(ns % 1000));
  return text;
}

// The fields that all records begin with; the caller ends it.
void trace_writer::open_record(const char* phase_letter, std::uint64_t fiber, time_point when) {
  std::fprintf(to_, "%s\n{\"ph\":\"%s\",\"pid\":%ld,\"tid\":%" PRIu64 ",\"ts\":%s",
               is_first_ ? "" : ",", phase_letter, static_cast<long>(getpid()), fiber,
               microseconds(when - begin_).c_str());
  is_first_ = false;
}

void trace_writer::head() { std::fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", to_); }

// One that was there before the trace began, or before the oldest event that was kept, has been
// what it is since then.
trace_writer::track& trace_writer::track_of(std::uint64_t fiber) {
  return tracks_.try_emplace(fiber, track{phase::unknown, begin_, "", 0, 0}).first->second;
}

void trace_writer::slice(std::uint64_t fiber, const track& t, time_point end, std::uint64_t by) {
  if (t.now == phase::unknown || t.now == phase::over) return;
  open_record("X", fiber, t.since);
  const char* const name = t.now == phase::waiting ? t.wait
                           : t.now == phase::ready ? "ready"
                           : fiber == 0            ? "loop"
                                                   : "run";
  const char* const category = t.now == phase::waiting ? "wait"
                               : t.now == phase::ready ? "ready"
                                                       : "run";
  std::fprintf(to_, ",\"dur\":%s,\"name\":%s,\"cat\":\"%s\"", microseconds(end - t.since).c_str(),
               json_string(name).c_str(), category);
  if (t.now == phase::waiting) {
    std::fprintf(to_, ",\"args\":{");
    if (t.awaited != 0) std::fprintf(to_, "\"for_fiber\":%" PRIu64 ",", t.awaited);
    std::fprintf(to_, "\"woken_by\":%" PRIu64 "}", by);
  }
  std::fputc('}', to_);
}

void trace_writer::enter(std::uint64_t fiber, phase next, time_point when, std::uint64_t by) {
  track& t = track_of(fiber);
  slice(fiber, t, when, by);
  t.now = next;
  t.since = when;
}

// It leaves when somebody else runs: see run.
void trace_writer::loop_runs(time_point when) {
  if (track_of(0).now != phase::running) enter(0, phase::running, when);
}

void trace_writer::begin_arrow(std::uint64_t from, std::uint64_t to, time_point when) {
  if (from == 0) loop_runs(when);
  const std::uint64_t id = ++arrows_;
  open_record("s", from, when);
  std::fprintf(to_, ",\"id\":%" PRIu64 ",\"name\":\"wake\",\"cat\":\"wake\"}", id);
  track_of(to).arrow = id;
}

void trace_writer::event(const traced_event& e) {
  write(e);
  last_ = e.when;
}

void trace_writer::write(const traced_event& e) {
  switch (e.kind) {
    case testing::trace_kind::spawn: {
      begin_arrow(e.other, e.fiber, e.when);
      open_record("i", e.other, e.when);
      std::fprintf(to_,
                   ",\"s\":\"t\",\"name\":\"spawn\",\"cat\":\"spawn\",\"args\":{\"fiber\":%" PRIu64
                   ",\"site\":%s}}",
                   e.fiber, json_string(describe(spawn_site{e.what, e.line})).c_str());
      enter(e.fiber, phase::ready, e.when);
      return;
    }
    case testing::trace_kind::run: {
      if (ending_ != 0) enter(ending_, phase::over, last_);
      ending_ = 0;
      if (e.fiber == 0) {
        loop_runs(e.when);
        return;
      }
      if (track_of(0).now == phase::running) enter(0, phase::over, e.when);
      enter(e.fiber, phase::running, e.when);
      track& t = track_of(e.fiber);
      if (t.arrow == 0) return;
      open_record("f", e.fiber, e.when);
      std::fprintf(to_, ",\"bp\":\"e\",\"id\":%" PRIu64 ",\"name\":\"wake\",\"cat\":\"wake\"}",
                   t.arrow);
      t.arrow = 0;
      return;
    }
    case testing::trace_kind::park: {
      enter(e.fiber, e.stays_ready ? phase::ready : phase::waiting, e.when);
      track& t = track_of(e.fiber);
      t.wait = static_cast<const char*>(e.what);
      t.awaited = e.other;
      return;
    }
    case testing::trace_kind::wake:
      begin_arrow(e.other, e.fiber, e.when);
      enter(e.fiber, phase::ready, e.when, e.other);
      return;
    case testing::trace_kind::end:
      ending_ = e.fiber;
      return;
    case testing::trace_kind::jump:
      return;
  }
}

void trace_writer::tail(time_point end, std::size_t recorded, std::uint64_t left_out) {
  for (const auto& [id, t] : tracks_) slice(id, t, end, 0);
  open_record("M", 0, begin_);
  std::fprintf(to_, ",\"name\":\"process_name\",\"args\":{\"name\":\"weft\"}}");
  for (const auto& [id, t] : tracks_) {
    std::string name = id == 0 ? "loop" : "fiber " + std::to_string(id);
    const auto known = names_.find(id);
    if (known != names_.end()) name += " '" + known->second + "'";
    open_record("M", id, begin_);
    std::fprintf(to_, ",\"name\":\"thread_name\",\"args\":{\"name\":%s}}",
                 json_string(name).c_str());
    open_record("M", id, begin_);
    std::fprintf(to_, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%" PRIu64 "}}", id);
  }
  std::fprintf(to_,
               "\n],\"otherData\":{\"weft\":\"%s\",\"recorded\":%zu,\"left_out\":%" PRIu64 "}}\n",
               WEFT_VERSION_STRING, recorded, left_out);
}

}  // namespace detail
WEFT_NAMESPACE_END
