// SPDX-License-Identifier: BSL-1.0
// A descriptor that is ready, as a case of select. Layer: sync. The window is the loop's table of
// descriptors, so that what the io layer opens can be waited for without being known here.
//
// Nothing is taken from the descriptor: what a case promises is that a call would not have waited
// when the kernel was asked, and it is always asked. An event only ends the wait: what it announced
// may have been read by somebody else before the fiber runs.
#pragma once

#include <cstdint>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/descriptor_wait.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/select_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class WEFT_API descriptor_case : public select_case {
 public:
  descriptor_case(descriptor_key key, direction way);  // Throws: std::logic_error without a loop
  descriptor_case(const descriptor_case&) = delete;
  descriptor_case& operator=(const descriptor_case&) = delete;

  bool is_ready(const loop_core* here) noexcept override;
  bool commit(claimed_waiters&) override { return true; }  // the calling of f is all there is to do
  void enter(select_wait& wait, int index) noexcept override;
  void leave() noexcept override;
  bool has_succeeded() noexcept override;

 protected:
  ~descriptor_case() = default;

  void throw_if_refused() const {
    if (happened_ < 0) refuse();
  }

 private:
  struct place : descriptor_wait {
    select_wait* wait = nullptr;
    int index = 0;
  };
  static void on_event(descriptor_wait& self) noexcept;
  [[noreturn]] void refuse() const;

  const descriptor_key key_;
  const direction way_;
  int happened_ = 0;  // what the kernel said last, or -errno: the case is done by throwing it
  std::uint32_t stood_ = 0;  // the use of the number at which `place_` was put; 0: at none
  place place_;
};

template <class F>
class readiness_case final : public descriptor_case {
 public:
  readiness_case(descriptor_key key, direction way, F&& f)
      : descriptor_case(key, way), f_(std::forward<F>(f)) {}
  void finish() {
    throw_if_refused();
    std::forward<F>(f_)();
  }

 private:
  F&& f_;
};

}  // namespace detail
WEFT_NAMESPACE_END
