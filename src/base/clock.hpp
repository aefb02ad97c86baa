// SPDX-License-Identifier: BSL-1.0
// The default clock_source. Layer: base.
#pragma once

#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class machine_clock final : public clock_source {
 public:
  time_point now() noexcept override;
};

machine_clock& the_machine_clock() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
