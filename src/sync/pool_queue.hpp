// SPDX-License-Identifier: BSL-1.0
// What the loops of a pool share: fresh records that wait for any of them, and the rule who takes
// one. Layer: sync. Knows loops and records, and nothing of threads.
//
// A loop with nothing else to do takes one record at a time, and begins it at once, so nothing
// waits behind a step that turns out long. Busy loops take some only if none is idle. Of the idle
// ones it is the least loaded that takes, or whoever is within `slack` of it: so tasks that stay
// are spread.
//
// No record is forgotten while a loop is idle. Who puts one in counts it, then reads who is idle; a
// loop that goes idle says so, then reads the count; one that stops being idle says so, then reads
// the count and rings another (all sequentially consistent, as in inbox.hpp). A loop that leaves a
// record to a less loaded one rings that.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>

#include "../loop/fresh_source.hpp"
#include "../loop/shared_side.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/list.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class pool_queue {
 public:
  explicit pool_queue(unsigned loops) : size_(loops), members_(new member[loops]) {}
  ~pool_queue();
  pool_queue(const pool_queue&) = delete;
  pool_queue& operator=(const pool_queue&) = delete;

  // Makes the running loop number `index`.  Calls from: its thread, as the next three.
  void join(loop& here, unsigned index) noexcept;

  // Takes over all that wait, for a loop that is about to cancel them, and parts from it.
  void drain(loop& here) noexcept;

  // True if the loop is one of these, or was.
  bool has(const loop& here) const noexcept;

  // Lets a record wait for any loop, or hands it to one; false if that is over.
  // Calls from: any thread.
  bool put(fiber& record) noexcept;
  bool put(fiber& record, unsigned index) noexcept;

  // True in a child of fork() that has inherited the pool, whose threads are the parent's.
  bool is_of_parent() const noexcept {
    return members_[0].side != nullptr && members_[0].side->is_of_parent();
  }
  void refuse_in_child(const char* call) const;  // Throws: std::logic_error

  // Makes put() refuse, and lets no loop begin what still waits.  Calls from: any thread.
  void close() noexcept;

 private:
  struct alignas(64) member final : fresh_source {
    void take(loop& here) noexcept override;
    bool has_any() const noexcept override {
      return of->waiting_.load(std::memory_order_relaxed) != 0;
    }
    bool may_sleep(loop& here) noexcept override;

    pool_queue* of = nullptr;
    shared_side* side = nullptr;       // counted; set before the pool's user can reach it
    std::atomic<std::size_t> load{0};  // its fibers as of its last look; a hint
    std::atomic<bool> is_idle{false};  // has nothing to run: it sleeps, or was rung
  };

  fiber* pop(list& from) noexcept;
  std::size_t share_of(member& one, bool is_busy) noexcept;
  member* least_idle(const member* but) noexcept;
  bool may_take(const member& one, const member* least) const noexcept;
  void ring_idle(const member* but) noexcept;

  const unsigned size_;
  const std::unique_ptr<member[]> members_;
  std::mutex lock_;
  list records_;                         // guarded by lock_; through fiber::message
  list unbegun_;                         // guarded by lock_; the same, since close()
  bool is_closed_ = false;               // guarded by lock_
  std::atomic<std::size_t> waiting_{0};  // of records_; changed under lock_
};

}  // namespace detail
WEFT_NAMESPACE_END
