// SPDX-License-Identifier: BSL-1.0
// The default poller: epoll over the inbox's eventfd. Layer: loop.
#pragma once

#include <cstdint>

#include "poller.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class epoll_poller final : public poller {
 public:
  // Throws: std::system_error.
  explicit epoll_poller(int event_fd);
  ~epoll_poller() override;
  epoll_poller(const epoll_poller&) = delete;
  epoll_poller& operator=(const epoll_poller&) = delete;

  void wait(duration longest) noexcept override;
  long watch(int fd, descriptor_slot& slot) noexcept override;
  long watch_once(int fd, descriptor_slot& slot, short events) noexcept override;
  bool is_watched(int fd, descriptor_slot& slot, short events) noexcept override;
  long watch_shared(int fd, std::uint32_t id) noexcept override;
  void unwatch(int fd) noexcept override;
  void abandon() noexcept override;
  void renew(int event_fd) override;
  int descriptor() const noexcept override { return epoll_fd_; }

 private:
  void open(int event_fd);
  long add(int fd, descriptor_slot& slot, std::uint32_t events) noexcept;
  long wait_for_events(void* events, int count, duration longest) noexcept;

  int epoll_fd_ = -1;
  int event_fd_;     // the inbox's; not ours to close
  bool has_pwait2_;  // until the kernel refuses
};

}  // namespace detail
WEFT_NAMESPACE_END
