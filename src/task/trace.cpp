// SPDX-License-Identifier: BSL-1.0
// debug::trace: keeps the latest events of a loop in a ring; trace_json.cpp writes them.
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "../loop/loop.hpp"
#include "trace_json.hpp"
#include "weft/debug.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace debug {

using detail::traced_event;
using testing::trace_kind;

class trace::recorder final : public detail::event_sink {
 public:
  explicit recorder(std::size_t most)
      : event_sink(kind::debug),
        most_(most),
        // Not made yet: of a large ring the pages beyond what was recorded are never touched.
        ring_(static_cast<traced_event*>(::operator new(most * sizeof(traced_event)))) {}
  ~recorder() { ::operator delete(ring_); }

  void begin(detail::loop& here) {
    if (!here.add_sink(*this)) {
      detail::misuse("a second debug::trace was made while the first still records: one at a time");
    }
    began_ = ended_ = here.time->now();
    note(here, trace_kind::run, *here.current, "");
  }

  void note(detail::loop& here, trace_kind event, const detail::fiber& f,
            const char* what) noexcept override {
    if (event == trace_kind::jump) return;
    traced_event e;
    e.kind = event;
    e.when = here.time->now();
    e.fiber = &f == &here.idle ? 0 : f.id;
    e.what = what;
    if (event == trace_kind::spawn) {
      e.other = f.parent;
      e.what = f.site.where;
      e.line = f.site.line;
    } else if (event == trace_kind::wake) {
      e.other = here.current == &here.idle ? 0 : here.current->id;
    } else if (event == trace_kind::park) {
      e.stays_ready = f.state != detail::fiber_state::parked;
      if (!e.stays_ready) e.other = first_awaited(f);
    } else if (event == trace_kind::end) {
      keep_name(f);
    }
    push(e);
  }

  void finish(detail::loop& here) noexcept override {
    ended_ = here.time->now();
    each_live(here, [this](const detail::fiber& f) { keep_name(f); });
  }

  void write(std::FILE* to) const {
    detail::fiber_names names = names_;
    time_point end = ended_;
    if (from != nullptr) {
      end = from->time->now();
      each_live(*from, [&](const detail::fiber& f) { names[f.id] = name_of(f); });
    }
    detail::trace_writer writer(to, count() != 0 ? oldest(0).when : began_, names);
    errno = 0;
    writer.head();
    for (std::size_t i = 0; i < count(); ++i) writer.event(oldest(i));
    writer.tail(end, count(), left_out());
    if (std::fflush(to) != 0 || std::ferror(to) != 0) fail("could not be written");
  }

  [[noreturn]] static void fail(const std::string& what) {
    const int error = errno != 0 ? errno : EIO;
    throw std::system_error(error, std::generic_category(), "weft: a trace " + what);
  }

  std::size_t count() const noexcept { return taken_ < most_ ? taken_ : most_; }
  std::uint64_t left_out() const noexcept { return taken_ - count(); }

 private:
  static std::uint64_t first_awaited(const detail::fiber& f) noexcept {
    struct first final : detail::awaited_visitor {
      std::uint64_t id = 0;
      void visit(const detail::fiber& awaited) override {
        if (id == 0) id = awaited.id;
      }
    } found;
    if (f.wait->awaited != nullptr) f.wait->awaited(f.wait_on, found);
    return found.id;
  }

  template <class F>
  static void each_live(detail::loop& here, F&& f) {
    f(here.root);
    here.for_each_fiber([&](detail::fiber& one) {
      if (one.state != detail::fiber_state::done && one.bag != nullptr) f(one);
    });
  }

  // Of one that ends while there is no memory for it the number will do.
  void keep_name(const detail::fiber& f) noexcept {
    if (name_of(f).empty()) return;
    try {
      names_[f.id] = name_of(f);
    } catch (...) {
    }
  }

  void push(const traced_event& e) noexcept {
    traced_event* const at = ring_ + taken_ % most_;
    // The last that is known of a fiber: its name goes with it, so that names stay bounded, too.
    if (taken_ >= most_ && at->kind == trace_kind::end) names_.erase(at->fiber);
    ::new (static_cast<void*>(at)) traced_event(e);
    ++taken_;
  }

  const traced_event& oldest(std::size_t i) const noexcept {
    return ring_[(taken_ - count() + i) % most_];
  }

  std::size_t most_;
  traced_event* ring_;
  std::uint64_t taken_ = 0;
  time_point began_{};
  time_point ended_{};
  detail::fiber_names names_;  // of those that have ended
};

trace::trace(std::size_t most_events) {
  detail::loop& here = detail::whole(detail::require_loop("debug::trace"));
  if (most_events == 0) {
    detail::misuse("a debug::trace was given room for no event: give it some thousand");
  }
  recorder_ = std::make_unique<recorder>(most_events);
  recorder_->begin(here);
}

trace::~trace() {
  if (recorder_->from != nullptr) recorder_->from->remove_sink(*recorder_);
}

std::size_t trace::size() const noexcept { return recorder_->count(); }
std::uint64_t trace::left_out() const noexcept { return recorder_->left_out(); }

void trace::write_json(std::FILE* to) const { recorder_->write(to); }

void trace::write_json(const std::string& path) const {
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) recorder::fail("cannot be written to '" + path + "'");
  try {
    recorder_->write(file);
  } catch (...) {
    std::fclose(file);
    throw;
  }
  if (std::fclose(file) != 0) recorder::fail("could not be written to '" + path + "'");
}

}  // namespace debug
WEFT_NAMESPACE_END
