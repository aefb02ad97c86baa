// SPDX-License-Identifier: BSL-1.0
// See weft/detail/descriptor_case.hpp.
#include "weft/detail/descriptor_case.hpp"

#include <string>
#include <system_error>

#include "../loop/descriptor_wait.hpp"
#include "../loop/loop.hpp"
#include "weft/select.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

descriptor_case::descriptor_case(descriptor_key key, direction way) : key_(key), way_(way) {
  require_loop(way == direction::read ? "on_readable()" : "on_writable()");
  by = ended_by::world;
}

bool descriptor_case::is_ready(const loop_core*) noexcept {
  happened_ = look_at_descriptor(key_, way_, is_exact);
  return happened_ != 0;
}

void descriptor_case::on_event(descriptor_wait& self) noexcept {
  place& own = static_cast<place&>(self);
  if (own.wait->claim.take(own.index)) own.wait->signal_here();
}

// A descriptor at which nobody can stand ends the wait before it begins.
void descriptor_case::enter(select_wait& wait, int index) noexcept {
  place_.owner = wait.waiting_fiber();
  place_.happened = 0;
  place_.notify = &on_event;
  place_.wait = &wait;
  place_.index = index;
  const int refused = stand_at_descriptor(key_, way_, place_, stood_);
  if (refused == 0) return;
  place_.happened = refused;
  on_event(place_);
}

void descriptor_case::leave() noexcept {
  if (stood_ != 0) leave_descriptor(key_.fd, std::exchange(stood_, 0), place_);
}

bool descriptor_case::has_succeeded() noexcept {
  happened_ = place_.happened < 0 ? place_.happened : look_at_descriptor(key_, way_, true);
  return happened_ != 0;
}

void descriptor_case::refuse() const {
  std::string text = "weft: select() over descriptor " + std::to_string(key_.fd);
  if (happened_ == -EEXIST) text += ": another wait for the same is under way";
  throw std::system_error(-happened_, std::system_category(), text);
}

}  // namespace detail
WEFT_NAMESPACE_END
