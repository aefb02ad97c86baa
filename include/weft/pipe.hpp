// SPDX-License-Identifier: BSL-1.0
// A pipe within the process, or to a child. Layer: io. Between fibers a channel is faster.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/file_descriptor.hpp"

WEFT_NAMESPACE_BEGIN

// Both ends; close the one that is not needed, or the other never sees its end.
struct WEFT_API pipe_ends {
  file_descriptor reader;
  file_descriptor writer;
};

// Makes a pipe.  Parks: never.  Calls from: any thread.  Throws: std::system_error: EMFILE, ENFILE.
WEFT_API pipe_ends make_pipe();

WEFT_NAMESPACE_END
