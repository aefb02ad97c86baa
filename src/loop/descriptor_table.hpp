// SPDX-License-Identifier: BSL-1.0
// Who waits for which descriptor, and what the kernel has said of it: a slot for each number.
// Layer: loop. Owned by the poller; used on the loop's thread.
//
// A number is used by one after the other, so each use has an id of its own, which travels through
// the kernel with the number: an event that was meant for an earlier use finds another id, and is
// dropped (H26).
//
//   owned     weft's own descriptor: registered once for both directions, edge-triggered, until it
//             is closed. What the kernel said is kept as "maybe": nobody asks before it is true.
//   borrowed  somebody else's: registered for one wait, one-shot.
//   shared    a listener that other loops watch, too: registered for one wait (shared_watch.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/descriptor_wait.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct descriptor_slot {
  enum class use : std::uint8_t { none, owned, borrowed, shared };

  std::uint32_t id = 0;  // of the present use; 0: none
  use kind = use::none;
  bool is_registered = false;    // with the kernel
  bool maybe[2] = {true, true};  // to read, to write: a call may succeed. Owned only
  bool is_special = false;       // the peer has closed its side, an error came, or urgent data
  // The first of those who wait, by direction; one may stand in two. Several only where a C
  // library's calls wait, as threads may.
  descriptor_wait* waits[directions] = {};

  bool& maybe_for(direction d) noexcept { return maybe[static_cast<unsigned>(d)]; }
  descriptor_wait*& wait_for(direction d) noexcept { return waits[static_cast<unsigned>(d)]; }
  bool is_waited_for() const noexcept;
  short awaited_events() const noexcept;  // of POLLIN, POLLOUT, POLLRDHUP, POLLPRI

  // Puts `one` behind those who wait already; takes it away, from wherever it stands.
  void add(descriptor_wait& one, direction way) noexcept;
  void remove(const descriptor_wait& one) noexcept;
};

class descriptor_table {
 public:
  // The number's slot; nullptr if there is no memory for it.  Precondition: fd >= 0. It stays where
  // it is.
  descriptor_slot* at(int fd) noexcept {
    const auto chunk = static_cast<std::size_t>(fd) / chunk_slots;
    if (WEFT_UNLIKELY(chunk >= chunks_.size() || chunks_[chunk] == nullptr) && !add(chunk)) {
      return nullptr;
    }
    return &chunks_[chunk][static_cast<std::size_t>(fd) % chunk_slots];
  }

  // Calls f(fd, slot) for every slot that there is.
  template <class F>
  void for_each(F&& f) {
    for (std::size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
      if (chunks_[chunk] == nullptr) continue;
      for (std::size_t i = 0; i < chunk_slots; ++i) {
        f(static_cast<int>(chunk * chunk_slots + i), chunks_[chunk][i]);
      }
    }
  }

  // Never 0, and not used by any other use of a descriptor in this process for a long while.
  static std::uint32_t next_id() noexcept;

  // What an event carries through the kernel.
  static std::uint64_t word_of(int fd, std::uint32_t id) noexcept {
    return std::uint64_t{id} << 32 | static_cast<std::uint32_t>(fd);
  }

  // Notes what has happened (of POLLIN, POLLOUT, POLLERR, POLLHUP, POLLRDHUP, POLLPRI) and wakes who
  // waits for it: of several with something borrowed the first one, as the kernel will say it again.
  // The slot if somebody borrowed still waits there; else nullptr.
  descriptor_slot* note(std::uint64_t word, std::uint32_t events) noexcept;

  // Ends every wait at the slot with -error, and the use with it.
  static void end_use(descriptor_slot& slot, int error) noexcept;

 private:
  static constexpr std::size_t chunk_slots = 256;

  bool add(std::size_t chunk) noexcept;

  std::vector<std::unique_ptr<descriptor_slot[]>> chunks_;
};

}  // namespace detail
WEFT_NAMESPACE_END
