// SPDX-License-Identifier: BSL-1.0
// Every message that weft prints on its own account goes through one handler. Layer: base.
// The default writes a line to stderr; a program that keeps a log replaces it.
#pragma once

#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

// One message. `text` starts with "weft: " and ends without a newline.
// Lifetime: the text lives only during the handler's call.
struct report {
  std::string_view text;
  bool in_signal_handler;  // true: the handler may call only async-signal-safe functions
};

using report_handler = void (*)(const report&) noexcept;

// Sets the handler of all messages and returns the one before; nullptr brings the default back.
// Parks: never (and the handler must not).  Calls from: any thread.
WEFT_API report_handler set_report_handler(report_handler handler) noexcept;

namespace detail {
WEFT_API void send_report(std::string_view text, bool in_signal_handler = false) noexcept;
}  // namespace detail
WEFT_NAMESPACE_END
